/* profile.h - how long the parts of a tick or a frame take, as nested scopes in a ring of fixed size.
 * Off (the default), a scope costs a test of one pointer and reads no clock, so that pure code may have
 * scopes: a main passes the clock in through profile_start. One profile for the process; scopes open and
 * close on the thread that started it. profile_file.h writes it for Perfetto and chrome://tracing.
 *
 *     ProfileScope scope = profile_begin("integrate");
 *     …
 *     profile_end(scope);
 */
#ifndef SHARED_BASE_PROFILE_H
#define SHARED_BASE_PROFILE_H
#include "shared/base/time.h"

#include <stdbool.h>
#include <stddef.h>

/* One scope that has ended. */
typedef struct ProfileEvent {
    const char *name; /* static text */
    TimeNs began, ended;
} ProfileEvent;

typedef TimeNs (*ProfileClock)(void); /* monotonic */

typedef struct Profile {
    ProfileClock clock;
    ProfileEvent *events; /* a ring: the newest `capacity` */
    size_t capacity;
    uint64_t count; /* scopes ended so far; what is beyond the capacity has overwritten the oldest */
} Profile;

/* A scope that is open. name NULL: the profile was off when it began. */
typedef struct ProfileScope {
    const char *name;
    TimeNs began;
} ProfileScope;

extern Profile *profile_active; /* NULL: off; set by profile_start and profile_stop only */

/* Records from now on into `events` (borrowed until profile_stop; capacity ≥ 1). Forgets what an earlier
 * start has recorded. Scopes that are open now are not recorded. */
void profile_start(ProfileClock clock, ProfileEvent *events, size_t capacity);

/* Off again; what has been recorded stays readable until the next start or profile_forget. */
void profile_stop(void);

/* Off, and the memory given to profile_start is not used any more. */
void profile_forget(void);

/* Appends a scope that ends now. For profile_end only. */
void profile_record(ProfileScope scope);

/* `name` is static text, the part of the program as the code calls it. */
static inline ProfileScope profile_begin(const char *name)
{
    if (__builtin_expect(profile_active == NULL, 1)) {
        return (ProfileScope){ 0 };
    }
    return (ProfileScope){ .name = name, .began = profile_active->clock() };
}

/* Every scope ends, and before the one that it began in. */
static inline void profile_end(ProfileScope scope)
{
    if (__builtin_expect(scope.name != NULL, 0)) {
        profile_record(scope);
    }
}

/* How many scopes are still in the ring, and the index-th of them in the order in which they ended. */
size_t profile_count(void);
ProfileEvent profile_event(size_t index);

/* How many were overwritten. */
uint64_t profile_overwritten(void);

#endif
