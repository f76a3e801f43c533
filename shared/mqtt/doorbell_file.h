/* doorbell_file.h - wakes a thread that sleeps in poll(), and costs nothing while it is awake: an eventfd
 * behind a flag. One side sleeps, the other rings. */
#ifndef SHARED_MQTT_DOORBELL_FILE_H
#define SHARED_MQTT_DOORBELL_FILE_H
#include "shared/base/status.h"

#include <stdatomic.h>

typedef struct Doorbell {
    int fd; /* readable after a ring */
    _Atomic int state;
} Doorbell;

/* STATUS_IO_ERROR: no file descriptor. */
NODISCARD Status doorbell_init(Doorbell *bell);
void doorbell_finish(Doorbell *bell);

/* The sleeper is about to poll `fd`. It looks once more whether there is work after this and before it
 * sleeps: a ring before this call may have gone unheard. */
void doorbell_arm(Doorbell *bell);

/* Wakes the sleeper if it sleeps or is about to. Work is published before. */
void doorbell_ring(Doorbell *bell);

#endif
