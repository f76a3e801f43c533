/* A client's replica under packets that anyone may have made: the input is packets, each after two bytes of
 * its length. Whatever they are, the world shown stays within its limits and in order, and only packets taken
 * are acknowledged. */
#include "shared/wire/replica.h"
#include "tests/fuzz/fuzz_input.h"

#include <stdlib.h>

static const ReplicaLimits limits = { .entities = 32, .channels = 200, .cells = 6, .history = 8 };

static void look_at(Replica *replica, uint32_t sequence)
{
    const Snapshot *world = replica_compose(replica, sequence);
    if (world == NULL) {
        return;
    }
    require(world->sequence == sequence);
    require(world->entity_count <= limits.entities && world->channel_count <= limits.channels);
    uint32_t channels = 0;
    for (uint32_t i = 0; i < world->entity_count; i++) {
        const EntityState *entity = &world->entities[i];
        require(i == 0 || entity_index(world->entities[i - 1].handle) < entity_index(entity->handle));
        require(entity->first_channel == channels && entity->kind < ENTITY_KIND_COUNT);
        channels += entity->channel_count;
        require(replica_frame(replica, sequence) != NULL);
        require(snapshot_entity(world, entity->handle) == entity);
    }
    require(channels == world->channel_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena arena;
    Replica *replica = NULL;
    arena_init(&arena, (size_t)8 << 20);
    require(replica_create(limits, (size_t)64 << 10, &arena, &replica) == STATUS_OK);
    Bytes rest = bytes_of(data, size);
    uint32_t last = 0;
    while (rest.size >= 2) {
        size_t length = bytes_load_u16(rest.data);
        length = length < rest.size - 2 ? length : rest.size - 2;
        if (length == 0) {
            replica_restart(replica);
        }
        ReplicaNews news = { 0 };
        uint32_t before, before_mask, newest, mask;
        replica_acknowledgement(replica, &before, &before_mask);
        Status status = replica_receive(replica, bytes_slice(rest, 2, length), &news);
        replica_acknowledgement(replica, &newest, &mask);
        require(status == STATUS_OK || (newest == before && mask == before_mask));
        require(status != STATUS_OK || newest == news.head.number || news.late);
        require(replica_counters(replica).cells <= limits.cells);
        if (status == STATUS_OK) {
            last = news.head.frame.sequence;
            look_at(replica, last);
            look_at(replica, last - 1);
            (void)replica_find(replica, ENTITY_AVATAR, 1);
        }
        rest = bytes_slice(rest, 2 + length, rest.size - 2 - length);
    }
    look_at(replica, last - 2);
    arena_finish(&arena);
    return 0;
}
