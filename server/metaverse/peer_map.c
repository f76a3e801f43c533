#include "server/metaverse/peer_map.h"

Status peer_map_create(PeerMap *map, uint32_t capacity, Arena *arena)
{
    uint32_t slots = 4;
    while (slots < 2 * capacity) {
        slots *= 2;
    }
    map->slots = arena_new_array(arena, PeerSlot, slots);
    map->mask = slots - 1;
    return map->slots == NULL ? STATUS_OUT_OF_MEMORY : STATUS_OK;
}

/* Fibonacci hashing: peers are small numbers in sequence, or slot and generation. */
static uint32_t home_of(const PeerMap *map, PeerId peer)
{
    return (uint32_t)((peer * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & map->mask;
}

/* The slot that holds `peer`, or the free one where it would go. */
static uint32_t probe(const PeerMap *map, PeerId peer)
{
    uint32_t slot = home_of(map, peer);
    while (map->slots[slot].peer != 0 && map->slots[slot].peer != peer) {
        slot = (slot + 1) & map->mask;
    }
    return slot;
}

void peer_map_add(PeerMap *map, PeerId peer, uint16_t value)
{
    map->slots[probe(map, peer)] = (PeerSlot){ .peer = peer, .value = value };
}

/* Closes the gap: moves back every later entry of the run that may stand at or before it. */
void peer_map_remove(PeerMap *map, PeerId peer)
{
    uint32_t gap = probe(map, peer);
    if (map->slots[gap].peer == 0) {
        return;
    }
    for (uint32_t slot = (gap + 1) & map->mask; map->slots[slot].peer != 0; slot = (slot + 1) & map->mask) {
        uint32_t home = home_of(map, map->slots[slot].peer);
        if (((slot - home) & map->mask) >= ((slot - gap) & map->mask)) {
            map->slots[gap] = map->slots[slot];
            gap = slot;
        }
    }
    map->slots[gap] = (PeerSlot){ 0 };
}

bool peer_map_find(const PeerMap *map, PeerId peer, uint16_t *out_value)
{
    if (peer == 0) {
        return false;
    }
    const PeerSlot *slot = &map->slots[probe(map, peer)];
    if (slot->peer == 0) {
        return false;
    }
    *out_value = slot->value;
    return true;
}
