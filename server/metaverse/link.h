/* link.h - how much one client's link takes: round trip, loss and the rate at which packets are sent to it.
 * Every packet that counts has a number, one more than the packet before it to the same client (32 bits,
 * wraps); the client says which of the newest came. From that the link learns how long a packet is under way
 * beyond the shortest time seen, which is a queue in front of the bottleneck, and backs off before that queue
 * is long. Loss alone is no reason to go slower unless it grew with the rate: radio links lose at any rate.
 * Of packets of one datagram, at most 64 can be on the way: 3 Mbit/s at a round trip of 150 ms.
 * Pure: integers, no clock, constant time an event. One owner. */
#ifndef SERVER_METAVERSE_LINK_H
#define SERVER_METAVERSE_LINK_H
#include "shared/base/status.h"
#include "shared/base/time.h"

#include <stdbool.h>
#include <stdint.h>

#define LINK_WINDOW     64u /* packets remembered; with more than this on the way, nothing is learnt */
#define LINK_DIVIDE_MAX 16u

typedef struct LinkConfig {
    uint32_t floor;   /* bytes a second, never less; 0: 4,000 */
    uint32_t ceiling; /* bytes a second, never more; 0: 1,000,000 */
    uint32_t start;   /* bytes a second at first; 0: 32,000 */
} LinkConfig;

/* Times in µs that wrap; rates in bytes a second. What others may read: rate, round_trip, deviation, loss. */
typedef struct Link {
    uint16_t left[LINK_WINDOW]; /* by number modulo size: when, in 256 µs, wraps */
    uint8_t size[LINK_WINDOW];  /* and how large, as size_code has it; 0: that number was not used */
    uint32_t newest_sent, sent; /* sent: packets so far, saturated */
    uint32_t newest_acked;
    uint32_t acked;  /* bit i: newest_acked - i came */
    uint32_t judged; /* packets up to this one came or count as lost */
    bool acked_any, startup, stalled, bucket_started, waiting, startup_before;

    uint32_t round_trip, deviation; /* smoothed, µs; 0: not known yet */
    uint32_t shortest, shortest_at; /* of a window: the link without a queue */
    uint32_t shortest_next;         /* of the time since shortest_at */
    uint8_t shortest_size, shortest_next_size;
    uint32_t noise, last_excess; /* how much the time above the shortest differs from packet to packet */

    uint16_t loss, loss_usual; /* smoothed, 1/65536; usual: what the link loses at any rate */
    uint16_t loss_tested;   /* the rate was lowered because of this loss: does it stay? 0: not being tested */
    uint32_t rate_before;   /* it was lowered for that */
    uint16_t unjudged;      /* packets that do not count for that, having left before */
    uint16_t lost, counted; /* of the window that loss is taken from */

    uint32_t floor, ceiling, rate;
    int32_t tokens; /* bytes that may be sent now */
    uint32_t refilled_us;
    uint32_t waiting_us; /* waiting: nothing new has been acknowledged since, though something was sent */

    /* A round: packets sent since the last change of the rate, as far as they have been acknowledged. */
    uint32_t round_packet, round_us, first_us; /* its first packet; when it began; its first sample */
    uint32_t round_bytes;                      /* sent in it */
    uint16_t excess[3];                        /* of the newest samples, above the shortest, 64 µs */
    uint16_t samples;
    uint32_t grown_us;   /* how long the rate has grown since it was lowered */
    uint32_t drain_us;   /* after the rate was lowered, so long ... */
    uint32_t drain_rate; /* ... only this is sent, so that the queue runs empty */
    uint32_t delivered;  /* smoothed over a quarter of a second, bytes a second */
    uint32_t delivered_us;
} Link;

_Static_assert(sizeof(Link) <= 344, "thousands of links should stay in the cache");

void link_init(Link *link, const LinkConfig *config, TimeNs now);

/* A packet of `bytes` (all that goes on the wire for it) left at `now`. `number` is newer than all before. */
void link_sent(Link *link, uint32_t number, uint32_t bytes, TimeNs now);

/* The client has received packet `newest`, and newest - 1 - i where bit i of `mask` is set. Doubled and old
 * words do nothing. STATUS_OUT_OF_RANGE, and nothing happens, when it names a packet that was never sent. */
NODISCARD Status link_acknowledged(Link *link, uint32_t newest, uint32_t mask, TimeNs now);

/* Bytes that may be sent at `now`, when the next chance to send is `interval` later. What was not used before
 * counts for one more interval; a packet that was larger is taken off the next ones. 0 is common. */
uint32_t link_budget(Link *link, TimeNs now, TimeNs interval);

/* Send in every 1st, 2nd, 4th, 8th or 16th interval only: so that what fits is worth a packet's headers,
 * where more is to be told than fits (`limited`), and that not more packets are on the way than the client
 * can acknowledge and both sides remember. */
uint32_t link_divide(const Link *link, TimeNs interval, bool limited);

/* How long after it left a packet's acknowledgement is late (RFC 6298's time-out); 0: not known yet. */
TimeNs link_late_after(const Link *link);

/* True while the client has been silent for longer than its link explains; only the floor is sent then. */
bool link_stalled(const Link *link, TimeNs now);

#endif
