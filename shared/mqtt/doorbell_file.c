#include "shared/mqtt/doorbell_file.h"

#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { AWAKE, ARMED, RUNG };

Status doorbell_init(Doorbell *bell)
{
    atomic_init(&bell->state, AWAKE);
    bell->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return bell->fd < 0 ? STATUS_IO_ERROR : STATUS_OK;
}

void doorbell_finish(Doorbell *bell)
{
    if (bell->fd >= 0) {
        close(bell->fd);
        bell->fd = -1;
    }
}

/* Each side writes its own variable (the flag; the ring's head) and then reads the other's: without the two
 * full fences both could see the old value, and the sleeper would sleep on work. */
void doorbell_arm(Doorbell *bell)
{
    if (atomic_load_explicit(&bell->state, memory_order_acquire) == RUNG) {
        uint64_t count;
        if (read(bell->fd, &count, sizeof count) != (ssize_t)sizeof count) {
            return; /* the ringer has set the flag and will write in a moment: the fd will wake us */
        }
    }
    atomic_store_explicit(&bell->state, ARMED, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
}

void doorbell_ring(Doorbell *bell)
{
    atomic_thread_fence(memory_order_seq_cst);
    int armed = ARMED;
    if (atomic_load_explicit(&bell->state, memory_order_relaxed) == ARMED &&
        atomic_compare_exchange_strong(&bell->state, &armed, RUNG)) {
        uint64_t one = 1;
        if (write(bell->fd, &one, sizeof one) != (ssize_t)sizeof one) {
            atomic_store(&bell->state, ARMED); /* never happens: the count stays below its limit */
        }
    }
}
