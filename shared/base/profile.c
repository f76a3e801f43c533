#include "shared/base/profile.h"

#include <assert.h>

Profile *profile_active;

static Profile recording;

void profile_start(ProfileClock clock, ProfileEvent *events, size_t capacity)
{
    assert(clock != NULL && events != NULL && capacity >= 1);
    recording = (Profile){ .clock = clock, .events = events, .capacity = capacity };
    profile_active = &recording;
}

void profile_stop(void)
{
    profile_active = NULL;
}

void profile_forget(void)
{
    profile_stop();
    recording = (Profile){ 0 };
}

void profile_record(ProfileScope scope)
{
    Profile *profile = profile_active;
    if (profile == NULL) { /* stopped meanwhile */
        return;
    }
    profile->events[profile->count++ % profile->capacity] =
        (ProfileEvent){ .name = scope.name, .began = scope.began, .ended = profile->clock() };
}

size_t profile_count(void)
{
    return recording.count < recording.capacity ? (size_t)recording.count : recording.capacity;
}

ProfileEvent profile_event(size_t index)
{
    assert(index < profile_count());
    return recording.events[(profile_overwritten() + index) % recording.capacity];
}

uint64_t profile_overwritten(void)
{
    return recording.count - profile_count();
}
