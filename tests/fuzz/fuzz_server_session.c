/* A connected peer that sends anything, against a live metaverse over the simulated network.
 * The first byte says how far the peer goes by the rules (connected, welcomed, loaded, live); then come
 * records of channel, size and that many bytes; size 0 lets a tick pass. Whatever it is, nothing breaks,
 * nothing is left behind, and another, well-behaved session lives on. */
#include "tests/unit/server/script_client.h"

#include <stdlib.h>

#define RECORDS_MAX 200

static void require(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "fuzz_server_session: %s\n", what);
        abort();
    }
}

static void send_records(Stage *stage, ScriptClient *evil, const uint8_t *data, size_t size)
{
    size_t at = 0;
    for (int i = 0; i < RECORDS_MAX && at + 2 <= size && !evil->disconnected; i++) {
        uint8_t channel = data[at] % TRANSPORT_CHANNELS;
        size_t length = data[at + 1];
        at += 2;
        length = length < size - at ? length : size - at;
        if (length == 0) {
            stage_tick(stage);
        } else if (client_send_bytes(evil, channel, data + at, length) != STATUS_OK) {
            return;
        }
        at += length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static Stage stage;
    static const MetaverseConfig config = { .sessions = 3 };
    if (size < 2) {
        return 0;
    }
    require(stage_init_sized(&stage, 2, &config, (SimLink){ 0 }, 3000), "no memory for the stage");
    ScriptClient *good = stage_add(&stage, GOAL_LIVE, "Good");
    stage_run(&stage, 0.3);
    require(good->snapshots > 0, "the good client did not come in");
    ScriptClient *evil = stage_add(&stage, (ClientGoal)(data[0] % 4), "Evil");
    stage_run(&stage, 0.3);
    evil->mute = true;
    send_records(&stage, evil, data + 1, size - 1);
    stage_run(&stage, 0.1);
    uint64_t snapshots = good->snapshots;
    stage_run(&stage, 0.3);
    require(!good->rejected && !good->disconnected && good->undecoded == 0, "the good client was harmed");
    require(good->snapshots > snapshots, "the good client gets nothing any more");
    const MetaverseCounters *counters = metaverse_counters(stage.metaverse);
    require(counters->sessions <= 2 && counters->joined - counters->left == counters->sessions,
            "sessions do not add up");
    stage_finish(&stage);
    return 0;
}
