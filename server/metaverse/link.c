#include "server/metaverse/link.h"

#include <string.h>

#define FLOOR          4000u
#define CEILING        1000000u
#define START          32000u
#define RATE_MAX       1000000000u
#define LEFT_UNIT      256u      /* µs */
#define SAMPLE_MAX     15000000u /* µs; a longer round trip is a clock that has wrapped */
#define SHORTEST_AGE   10000000u /* µs for which the shortest round trip counts */
#define REORDER        4u        /* packets that may overtake one before it counts as lost */
#define LOSS_WINDOW    64u       /* packets from which one figure of loss is made */
#define LOSS_TEST      24u       /* and when it is only asked whether it stays */
#define LOSS_HIGH      6554u     /* 10 %: more than this above the usual lowers the rate */
#define LOSS_USUAL_MAX 19661u    /* 30 %: nobody's radio is that bad */
#define LOSS_DEAD      32768u    /* 50 %, smoothed: whatever the reason, half the rate */
#define SAMPLES        3u
#define SAMPLE_TIME    50000u  /* µs for which a round takes samples, at least */
#define SAMPLE_TIME_2  300000u /* and with fewer samples than it would like, at most */
#define QUEUE_LOW      15000u  /* µs of queue that are none */
#define QUEUE_HIGH     30000u  /* µs of queue at which the rate is lowered */
#define QUEUE_ALARM    100000u /* one packet that met more than this is enough */
#define NOISE_MAX      40000u
#define DRAIN_TIME     300000u /* µs in which a queue shall run empty after the rate was lowered */
#define DELIVERED_TIME 250000u
#define STALL_MIN      1000000u
#define PACKET_WORTH   400u  /* bytes: less than this is mostly headers */
#define GROWTH         4000u /* bytes a second more every second, at first */
#define HASTE_TIME     400000u
#define HASTE_MAX      30000000u
#define KEEP           72u   /* % */
#define SLOW           8000u /* bytes a second: there a step is at most a sixteenth */
#define SILENCE        150000u
#define EXCESS_UNIT    64u /* µs */
#define ON_THE_WAY     24u /* packets: three quarters of LINK_WINDOW */

static uint32_t micros(TimeNs now)
{
    return (uint32_t)((uint64_t)now / 1000u);
}

static uint32_t between(uint32_t value, uint32_t low, uint32_t high)
{
    return value < low ? low : value > high ? high : value;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* value × numerator / denominator without overflow on the way. */
static uint32_t scale(uint32_t value, uint32_t numerator, uint32_t denominator)
{
    uint64_t product = (uint64_t)value * numerator / denominator;
    return product > UINT32_MAX ? UINT32_MAX : (uint32_t)product;
}

/* A size in eight bits, at most a sixteenth too large: exponent and four bits of mantissa. Never 0. */
static uint8_t size_code(uint32_t bytes)
{
    uint32_t rest = bytes < 16 ? 16 : bytes, exponent = 0;
    for (; rest >= 32 && exponent < 15; exponent++) {
        rest = rest / 2 + rest % 2;
    }
    return (uint8_t)(exponent * 16 + between(rest, 16, 31) - 16 + (exponent == 0 && rest == 16));
}

static uint32_t size_of(uint8_t code)
{
    return code == 0 ? 0 : (16u + code % 16) << code / 16;
}

static void begin_round(Link *link, uint32_t now_us)
{
    link->round_packet = link->newest_sent + 1;
    link->round_us = now_us;
    link->round_bytes = 0;
    link->samples = 0;
}

void link_init(Link *link, const LinkConfig *config, TimeNs now)
{
    memset(link, 0, sizeof *link);
    link->ceiling = between(config->ceiling > 0 ? config->ceiling : CEILING, 1, RATE_MAX);
    link->floor = smaller(config->floor > 0 ? config->floor : FLOOR, link->ceiling);
    link->rate = between(config->start > 0 ? config->start : START, link->floor, link->ceiling);
    link->startup = true;
    begin_round(link, micros(now));
}

void link_sent(Link *link, uint32_t number, uint32_t bytes, TimeNs now)
{
    uint32_t now_us = micros(now);
    if (link->sent == 0) {
        link->newest_sent = link->judged = number - 1;
        link->round_packet = number;
    }
    uint32_t skipped = number - link->newest_sent - 1;
    for (uint32_t i = 0; i < skipped && i < LINK_WINDOW; i++) {
        link->size[(number - 1 - i) % LINK_WINDOW] = 0;
    }
    link->left[number % LINK_WINDOW] = (uint16_t)(now_us / LEFT_UNIT);
    link->size[number % LINK_WINDOW] = size_code(bytes);
    uint64_t sent = (uint64_t)link->sent + skipped + 1;
    link->sent = sent > INT32_MAX ? INT32_MAX : (uint32_t)sent;
    link->newest_sent = number;
    link->round_bytes = bytes < UINT32_MAX - link->round_bytes ? link->round_bytes + bytes : UINT32_MAX;
    link->tokens -= (int32_t)smaller(bytes, RATE_MAX);
    link->tokens = link->tokens < -(int32_t)RATE_MAX ? -(int32_t)RATE_MAX : link->tokens;
    if (!link->waiting) {
        link->waiting = true;
        link->waiting_us = now_us;
    }
}

/* ---- what an acknowledgement tells ---- */

static bool was_sent(const Link *link, uint32_t number)
{
    return link->newest_sent - number < link->sent;
}

/* Mean and mean deviation as TCP keeps them (RFC 6298). */
static void smooth_round_trip(Link *link, uint32_t sample)
{
    if (link->round_trip == 0) {
        link->round_trip = sample;
        link->deviation = sample / 2;
        return;
    }
    uint32_t difference = sample > link->round_trip ? sample - link->round_trip : link->round_trip - sample;
    link->deviation = link->deviation - link->deviation / 4 + difference / 4;
    link->round_trip = link->round_trip - link->round_trip / 8 + sample / 8;
}

/* The shortest of the last 10 to 20 s. */
static void note_shortest(Link *link, uint32_t sample, uint8_t size, uint32_t now_us)
{
    bool shorter = link->shortest == 0 || sample <= link->shortest;
    if (shorter || sample <= link->shortest_next) {
        link->shortest_next = sample;
        link->shortest_next_size = size;
    }
    if (shorter || now_us - link->shortest_at > SHORTEST_AGE) {
        link->shortest = link->shortest_next;
        link->shortest_size = link->shortest_next_size;
        link->shortest_next = sample;
        link->shortest_next_size = size;
        link->shortest_at = now_us;
    }
}

/* How much longer a packet took than the quickest, less what its greater size explains. */
static uint32_t excess_of(const Link *link, uint32_t sample, uint8_t size)
{
    uint32_t own = size_of(size), least = size_of(link->shortest_size);
    uint32_t explained = own > least ? scale(own - least, 1000000u, link->rate) : 0;
    uint32_t longer = sample - link->shortest;
    return longer > explained ? longer - explained : 0;
}

static uint32_t time_since_left(const Link *link, uint32_t number, uint32_t now_us)
{
    uint16_t passed = (uint16_t)(now_us / LEFT_UNIT - link->left[number % LINK_WINDOW]);
    return passed > 0 ? passed * LEFT_UNIT : LEFT_UNIT;
}

static void take_sample(Link *link, uint32_t number, uint32_t now_us)
{
    uint32_t sample = time_since_left(link, number, now_us);
    smooth_round_trip(link, sample);
    uint8_t size = link->size[number % LINK_WINDOW];
    note_shortest(link, sample, size, now_us);
    uint32_t excess = excess_of(link, sample, size);
    uint32_t difference =
        excess > link->last_excess ? excess - link->last_excess : link->last_excess - excess;
    link->noise = smaller(link->noise - link->noise / 16 + difference / 16, 1000000u);
    link->last_excess = excess;
    if (number - link->round_packet > INT32_MAX ||
        now_us - link->round_us < link->drain_us + (link->drain_us > 0 ? link->shortest : 0)) {
        return; /* left before the rate was changed, or met the queue of before */
    }
    if (link->samples == 0) {
        link->first_us = now_us;
    }
    link->excess[link->samples % SAMPLES] = (uint16_t)smaller(excess / EXCESS_UNIT, UINT16_MAX);
    link->samples = (uint16_t)(link->samples < UINT16_MAX / 2 ? link->samples + 1u : SAMPLES);
}

static void note_delivered(Link *link, uint32_t bytes, uint32_t now_us)
{
    uint32_t passed = between(now_us - link->delivered_us, 1, DELIVERED_TIME);
    uint32_t now_rate = scale(bytes, 1000000u, passed);
    link->delivered_us = now_us;
    link->delivered = scale(link->delivered, DELIVERED_TIME - passed, DELIVERED_TIME) +
                      scale(now_rate, passed, DELIVERED_TIME);
}

static void judge(Link *link, bool came)
{
    uint32_t loss = link->loss;
    link->loss = (uint16_t)(came ? loss - loss / 32 : loss + (65535u - loss) / 32);
    if (link->unjudged > 0) { /* left before the rate was lowered */
        link->unjudged--;
        return;
    }
    link->lost = (uint16_t)(link->lost + !came);
    link->counted++;
}

/* Packets that enough later ones have overtaken have come by now or are lost; those too old to know are
 * neither. */
static void judge_all(Link *link)
{
    uint32_t last = link->newest_acked - REORDER;
    if (last - link->judged > INT32_MAX) {
        return;
    }
    if (last - link->judged > 32 - REORDER) {
        link->judged = last - (32 - REORDER);
    }
    while (link->judged != last) {
        link->judged++;
        if (was_sent(link, link->judged) && link->size[link->judged % LINK_WINDOW] > 0) {
            judge(link, (link->acked >> (link->newest_acked - link->judged) & 1) != 0);
        }
    }
}

/* ---- the rate ---- */

static uint32_t queue_of(const Link *link)
{
    uint32_t least = UINT32_MAX;
    for (uint32_t i = 0; i < SAMPLES && i < link->samples; i++) {
        least = smaller(least, link->excess[i] * EXCESS_UNIT);
    }
    return least;
}

static bool round_complete(const Link *link, uint32_t now_us)
{
    uint32_t passed = now_us - link->first_us;
    if (link->samples > 0 && link->last_excess > QUEUE_ALARM) {
        return true;
    }
    return link->samples > 0 && (link->samples >= SAMPLES ? passed >= SAMPLE_TIME : passed >= SAMPLE_TIME_2);
}

static void set_rate(Link *link, uint32_t rate)
{
    link->rate = between(rate, link->floor, link->ceiling);
}

/* Loss above what is usual here, 1/65536, once a window of packets is full. What is usual shows when the rate
 * is lowered and the loss stays: only then it becomes more. */
static uint32_t unusual_loss(Link *link)
{
    if (link->counted < (link->loss_tested > 0 ? LOSS_TEST : LOSS_WINDOW)) {
        return 0;
    }
    uint32_t loss = smaller(65535u, (uint32_t)link->lost * 65536u / link->counted);
    uint32_t usual = link->loss_usual;
    link->lost = link->counted = 0;
    if (link->loss_tested > 0) {
        bool stays = loss > link->loss_tested / 4 * 3u;
        if (stays && loss > usual) {
            usual = smaller(loss, LOSS_USUAL_MAX);
            set_rate(link, link->rate_before > link->rate ? link->rate_before : link->rate);
            link->startup = link->startup_before;
        } else if (!stays) {
            link->grown_us = 0;
        }
        link->loss_tested = 0;
    }
    usual -= loss < usual ? (usual - loss) / 16 : 0;
    link->loss_usual = (uint16_t)usual;
    return loss > usual + usual / 2 + LOSS_HIGH ? loss - usual : 0;
}

/* What arrives tells what the bottleneck lets through: a little less than that is sent from now on, and until
 * the queue has run empty as much less as that takes. */
static void lower_for_queue(Link *link)
{
    uint32_t came = 65536u - link->loss_usual;
    uint32_t through = smaller(link->rate, scale(link->delivered, 65536u, came));
    uint32_t queue = smaller(link->last_excess, DRAIN_TIME * 2);
    set_rate(link, scale(through > link->rate / 4 ? through : link->rate / 4, KEEP, 100));
    link->drain_us = DRAIN_TIME;
    link->loss_tested = 0;
    link->drain_rate = scale(link->rate, DRAIN_TIME - smaller(queue, DRAIN_TIME * 3 / 4), DRAIN_TIME);
    link->startup = false;
    link->grown_us = 0;
}

static void lower_for_loss(Link *link, uint32_t loss)
{
    link->rate_before = link->rate;
    link->startup_before = link->startup;
    uint32_t rate = scale(link->rate, 65536u - loss, 65536u);
    rate = smaller(rate, link->delivered > link->rate / 3 ? link->delivered : link->rate / 3);
    set_rate(link, rate - rate / 8);
    link->loss_tested = (uint16_t)smaller(loss + link->loss_usual, UINT16_MAX);
    link->lost = link->counted = 0;
    link->unjudged = (uint16_t)smaller(link->newest_sent - link->judged, LINK_WINDOW);
    link->startup = false;
}

/* A step of growth shows one round trip later only. Slow links get some more than their share of it, because
 * a step in proportion to the rate would keep them slow beside a quick one. */
static uint32_t step_limit(const Link *link)
{
    uint32_t base = link->rate > SLOW ? link->rate : SLOW;
    return base / 16 + (smaller(base, 2 * SLOW) - SLOW) / 8;
}

/* After a congestion the rate grows slowly at first, then with the square of the time, so that links of any
 * speed are filled within seconds. The growth is the same for every link that was lowered at the same time,
 * whatever its rate: that brings two that share a bottleneck together. */
static void raise(Link *link, uint32_t passed, bool carefully)
{
    uint32_t step = link->rate / 2;
    if (!link->startup || carefully) {
        uint32_t haste = carefully ? 16 : (HASTE_TIME + link->grown_us) / (HASTE_TIME / 16);
        uint32_t growth = scale(GROWTH, smaller(passed, 1000000u), 1000000u); /* below 4,096 */
        step = smaller(scale(growth, haste * haste, 256), step_limit(link));
        link->grown_us = carefully ? 0 : smaller(link->grown_us + passed, HASTE_MAX);
    }
    set_rate(link, link->rate + step);
}

static void end_round(Link *link, uint32_t now_us)
{
    uint32_t queue = queue_of(link);
    uint32_t noise = smaller(link->noise, NOISE_MAX);
    uint32_t loss = link->loss > LOSS_DEAD ? 32768u : unusual_loss(link);
    uint32_t passed = now_us - link->round_us;
    bool demand = (uint64_t)link->round_bytes * 1000000u >= (uint64_t)link->rate * passed / 10 * 7;
    link->drain_us = 0;
    if (queue > QUEUE_HIGH + noise || link->last_excess > QUEUE_ALARM) {
        lower_for_queue(link);
    } else if (loss > 0) {
        lower_for_loss(link, loss);
    } else if (demand && link->loss_tested == 0) {
        raise(link, passed, queue > QUEUE_LOW + noise);
    }
    begin_round(link, now_us);
}

/* ---- in and out ---- */

/* Takes over what the client says: whether there is anything new in it, and of how many bytes. */
static bool merge(Link *link, uint32_t newest, uint32_t mask, uint32_t *out_bytes)
{
    uint32_t bits = mask << 1 | 1; /* bit i: newest - i came; the 33rd is too old for us */
    uint32_t ahead = link->acked_any ? newest - link->newest_acked : 32;
    uint32_t before = link->acked;
    if (link->acked_any && ahead > INT32_MAX) { /* overtaken by a later word */
        uint32_t behind = link->newest_acked - newest;
        bits = behind < 32 ? bits << behind : 0;
    } else {
        before = ahead < 32 ? before << ahead : 0;
        link->newest_acked = newest;
        link->acked_any = true;
    }
    uint32_t fresh = bits & ~before;
    link->acked = before | bits;
    *out_bytes = 0;
    for (uint32_t left = fresh; left != 0; left &= left - 1) {
        uint32_t number = link->newest_acked - (uint32_t)__builtin_ctz(left);
        if (link->newest_sent - number < LINK_WINDOW) {
            *out_bytes += size_of(link->size[number % LINK_WINDOW]);
        }
    }
    return fresh != 0;
}

static bool names_sent_only(const Link *link, uint32_t newest, uint32_t mask)
{
    if (!was_sent(link, newest)) {
        return false;
    }
    uint32_t older = link->sent - 1 - (link->newest_sent - newest); /* packets before `newest` */
    return older >= 32 || mask >> older == 0;
}

/* What comes after a long silence was long under way, and says nothing about the link. One silence costs
 * little of the rate, one after the other all of it. */
static void resume(Link *link, uint32_t now_us)
{
    link->stalled = false;
    link->startup = false;
    link->delivered_us = now_us;
    set_rate(link, scale(link->rate, KEEP, 100));
    begin_round(link, now_us);
}

/* When the newest packet that came has left is forgotten: the queue is long, or the packets are small and
 * many for this link. Either way fewer are sent until it can be seen again. */
static void lower_unseen(Link *link, uint32_t now_us)
{
    uint32_t least = time_since_left(link, link->newest_sent + 1, now_us);
    smooth_round_trip(link, least);
    if (now_us - link->round_us > least) {
        set_rate(link, scale(link->rate, KEEP, 100));
        link->startup = false;
        link->grown_us = 0;
        link->drain_us = 0;
        begin_round(link, now_us);
    }
}

Status link_acknowledged(Link *link, uint32_t newest, uint32_t mask, TimeNs now)
{
    uint32_t now_us = micros(now);
    if (!names_sent_only(link, newest, mask)) {
        return STATUS_OUT_OF_RANGE;
    }
    bool newer = !link->acked_any || newest - link->newest_acked - 1 < INT32_MAX;
    uint32_t bytes;
    if (!merge(link, newest, mask, &bytes)) {
        return STATUS_OK;
    }
    uint32_t silence = now_us - link->waiting_us;
    if (link->stalled) {
        resume(link, now_us);
    }
    link->waiting = link->newest_acked != link->newest_sent;
    link->waiting_us = now_us;
    note_delivered(link, bytes, now_us);
    judge_all(link);
    if (!newer || silence > SAMPLE_MAX) {
        return STATUS_OK;
    }
    if (link->newest_sent - newest >= LINK_WINDOW) {
        lower_unseen(link, now_us);
        return STATUS_OK;
    }
    take_sample(link, newest, now_us);
    if (round_complete(link, now_us)) {
        end_round(link, now_us);
    }
    return STATUS_OK;
}

TimeNs link_late_after(const Link *link)
{
    return ((TimeNs)link->round_trip + 4 * (TimeNs)link->deviation) * TIME_US;
}

bool link_stalled(const Link *link, TimeNs now)
{
    uint32_t patience = smaller(link->round_trip, SAMPLE_MAX) * 2 + link->deviation;
    patience = patience < STALL_MIN ? STALL_MIN : patience;
    return link->waiting && micros(now) - link->waiting_us > patience;
}

/* What may be sent at this moment, bytes a second: the rate, less while a queue drains or words of the client
 * are overdue. */
static uint32_t rate_now(const Link *link, uint32_t now_us)
{
    uint32_t rate = now_us - link->round_us < link->drain_us ? link->drain_rate : link->rate;
    uint32_t patience = link->round_trip + 2 * link->deviation + SILENCE;
    if (link->waiting && link->round_trip > 0 && now_us - link->waiting_us > patience) {
        rate /= 4;
    }
    return link->stalled || rate < link->floor ? link->floor : rate;
}

uint32_t link_budget(Link *link, TimeNs now, TimeNs interval)
{
    uint32_t now_us = micros(now);
    uint32_t interval_us = (uint32_t)(interval <= 0 ? 1 : interval > TIME_SECOND ? 1000000 : interval / 1000);
    uint32_t passed = smaller(now_us - link->refilled_us, 2000000u);
    link->stalled = link_stalled(link, now);
    uint32_t rate = rate_now(link, now_us);
    int64_t most = (int64_t)rate * interval_us * 2 / 1000000;
    int64_t tokens = (int64_t)link->tokens + (int64_t)rate * passed / 1000000;
    if (!link->bucket_started) {
        link->bucket_started = true;
        tokens = most / 2;
    }
    /* A packet far above the budget (the first whole world) is not paid for over minutes. */
    int64_t least = -(int64_t)rate;
    link->refilled_us = now_us;
    link->tokens = (int32_t)(tokens > most ? most : tokens < least ? least : tokens);
    return link->tokens > 0 ? (uint32_t)link->tokens : 0;
}

uint32_t link_divide(const Link *link, TimeNs interval, bool limited)
{
    uint32_t interval_us = (uint32_t)(interval <= 0 ? 1 : interval > TIME_SECOND ? 1000000 : interval / 1000);
    uint64_t needed = smaller(link->round_trip, SAMPLE_MAX) / ON_THE_WAY;
    uint64_t worth = limited ? (uint64_t)PACKET_WORTH * 1000000u / link->rate : 0;
    needed = needed > worth ? needed : worth;
    uint32_t divide = 1;
    while (divide < LINK_DIVIDE_MAX && (uint64_t)divide * interval_us < needed) {
        divide *= 2;
    }
    return divide;
}
