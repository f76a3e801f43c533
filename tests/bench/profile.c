/* profile: what one scope costs while the profile is off and while it is on. */
#include "shared/base/profile.h"
#include "shared/base/clock_file.h"
#include "tests/bench/bench.h"

#define ROUNDS 20000000
#define EVENTS 4096

static TimeNs time_rounds(bool scopes)
{
    TimeNs began = clock_monotonic();
    for (uint64_t i = 0; i < ROUNDS; i++) {
        if (scopes) {
            ProfileScope scope = profile_begin("round");
            profile_end(scope);
        }
        __asm__ volatile("" ::: "memory"); /* the pointer is read in every round, as in real code */
    }
    return clock_monotonic() - began;
}

Status bench_profile(const BenchOptions *options, Diag *diag)
{
    static ProfileEvent events[EVENTS];
    (void)options, (void)diag;
    TimeNs bare = time_rounds(false);
    TimeNs off = time_rounds(true);
    profile_start(clock_monotonic, events, EVENTS);
    TimeNs on = time_rounds(true);
    profile_forget();
    bench_open("profile");
    bench_number("scope_off_ns", (double)(off - bare) / ROUNDS);
    bench_number("scope_on_ns", (double)(on - bare) / ROUNDS);
    bench_close();
    return STATUS_OK;
}
