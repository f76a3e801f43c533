/* The plant's clock and its field: steps while somebody waits for samples, and remembers what it was asked.
 */
#include "server/physical/physical.h"

#include "server/physical/device.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WARM_UP      (3600 * TIME_SECOND)
#define QUEUE_SIZE   4096u /* samples that wait to be polled; a power of two */
#define ANSWERS_KEPT 512u  /* commands whose repetition is known; a power of two */

struct Physical {
    Plant plant;
    Devices devices;
    double speed;
    TimeNs patience;

    /* At monotonic anchor_now the plant's clock stood at anchor_time. */
    bool started;
    TimeNs anchor_now, anchor_time;

    TimeNs heard; /* monotonic; of the last sign of life */
    bool link_lost;

    FieldSample queue[QUEUE_SIZE]; /* a ring */
    uint32_t queue_first, queue_count;

    FieldAnswer answers[ANSWERS_KEPT]; /* a ring */
    uint32_t answer_count;             /* ever */
};

static Status check_config(const PhysicalConfig *config, Diag *diag)
{
    double speed = config->speed == 0 ? 1 : config->speed;
    if (!(speed >= PHYSICAL_SPEED_MIN && speed <= PHYSICAL_SPEED_MAX)) {
        return diag_set(diag, STATUS_OUT_OF_RANGE, "", 0, "the plant's speed %g is not within %g..%g", speed,
                        PHYSICAL_SPEED_MIN, PHYSICAL_SPEED_MAX);
    }
    return STATUS_OK;
}

static Status inject_first(Physical *physical, const PhysicalConfig *config, Diag *diag)
{
    for (size_t i = 0; i < config->fault_count; i++) {
        const PhysicalFault *fault = &config->faults[i];
        Status status =
            device_inject(&physical->devices, &physical->plant, fault->thing, fault->fault, fault->severity);
        if (status != STATUS_OK) {
            return diag_set(diag, status, "", 0, "the fault '%s' of '%s' at severity %g: %s", fault->fault,
                            fault->thing, fault->severity,
                            status == STATUS_OUT_OF_RANGE  ? "severities are 0 to 1"
                            : status == STATUS_UNSUPPORTED ? "that thing cannot have it"
                                                           : "there is no such thing or fault");
        }
    }
    return STATUS_OK;
}

Status physical_create(const PhysicalConfig *config, Physical **out_physical, Diag *diag)
{
    Status status = check_config(config, diag);
    if (status != STATUS_OK) {
        return status;
    }
    Physical *physical = calloc(1, sizeof *physical);
    if (physical == NULL) {
        return diag_set(diag, STATUS_OUT_OF_MEMORY, "", 0, "no memory for the plant");
    }
    TimeNs start = config->start - config->start % PHYSICAL_STEP;
    physical->speed = config->speed == 0 ? 1 : config->speed;
    physical->patience = config->link_patience == 0 ? PHYSICAL_LINK_PATIENCE : config->link_patience;
    status = devices_bind(&physical->devices, config->world, config->seed, start, diag);
    if (status == STATUS_OK) {
        plant_init(&physical->plant, config->seed, start - WARM_UP);
        while (physical->plant.time < start - PHYSICAL_STEP) {
            plant_step(&physical->plant);
        }
        Plant *plant = &physical->plant; /* balances begin here */
        plant->leaked = plant->boiler_in = plant->consumed = plant->lost = plant->leaked_heat = 0;
        status = inject_first(physical, config, diag);
    }
    if (status != STATUS_OK) {
        free(physical);
        return status;
    }
    *out_physical = physical;
    return STATUS_OK;
}

void physical_destroy(Physical *physical)
{
    free(physical);
}

/* ---- time ---- */

static void begin(Physical *physical, TimeNs now)
{
    if (!physical->started) {
        physical->started = true;
        physical->anchor_now = physical->heard = now;
        physical->anchor_time = physical->plant.time + PHYSICAL_STEP; /* the first step is due at once */
    }
}

/* What the plant's clock should show. */
static TimeNs due_time(const Physical *physical, TimeNs now)
{
    double ahead = (double)(now - physical->anchor_now) * physical->speed;
    return physical->anchor_time + (ahead < 4e18 ? (TimeNs)ahead : INT64_C(4000000000000000000));
}

static void watch_link(Physical *physical, TimeNs now)
{
    if (!physical->link_lost && now - physical->heard > physical->patience) {
        physical->link_lost = true;
        plant_safe_state(&physical->plant);
    }
}

static void step(Physical *physical)
{
    FieldSample samples[SENSORS_MAX];
    plant_step(&physical->plant);
    size_t count = devices_measure(&physical->devices, &physical->plant, samples);
    for (size_t i = 0; i < count; i++) {
        physical->queue[(physical->queue_first + physical->queue_count++) % QUEUE_SIZE] = samples[i];
    }
}

/* Steps to `now`, or until no further step's samples would fit. */
static void advance(Physical *physical, TimeNs now)
{
    begin(physical, now);
    watch_link(physical, now);
    TimeNs due = due_time(physical, now);
    while (physical->plant.time + PHYSICAL_STEP <= due && physical->queue_count + SENSORS_MAX <= QUEUE_SIZE) {
        step(physical);
    }
}

void physical_tick(Physical *physical, TimeNs now)
{
    advance(physical, now);
}

/* ---- the field ---- */

static size_t take(Physical *physical, FieldSample *out_samples, size_t capacity)
{
    size_t count = 0;
    while (count < capacity && physical->queue_count > 0) {
        out_samples[count++] = physical->queue[physical->queue_first];
        physical->queue_first = (physical->queue_first + 1) % QUEUE_SIZE;
        physical->queue_count--;
    }
    return count;
}

static Status poll(void *context, TimeNs now, FieldSample *out_samples, size_t capacity, size_t *out_count)
{
    Physical *physical = context;
    size_t count = take(physical, out_samples, capacity);
    advance(physical, now);
    *out_count = count + take(physical, out_samples + count, capacity - count);
    return STATUS_OK;
}

static TimeNs next_due(const void *context)
{
    const Physical *physical = context;
    if (!physical->started || physical->queue_count > 0) {
        return TIME_NONE;
    }
    TimeNs due = devices_next_due(&physical->devices);
    double wait = ceil((double)(due - physical->anchor_time) / physical->speed);
    return physical->anchor_now + (wait > 0 ? (TimeNs)wait : 0);
}

static TimeNs clock_of(const void *context)
{
    const Physical *physical = context;
    return physical->queue_count > 0 ? physical->queue[physical->queue_first].source_time - 1
           : physical->started       ? physical->plant.time
                                     : TIME_NONE;
}

static void heard(void *context, TimeNs now)
{
    Physical *physical = context;
    begin(physical, now);
    watch_link(physical, now); /* whoever comes back too late finds the safe state, not what was before */
    physical->heard = now;
    physical->link_lost = false;
}

static const FieldAnswer *known_answer(const Physical *physical, const char *command)
{
    uint32_t kept = physical->answer_count < ANSWERS_KEPT ? physical->answer_count : ANSWERS_KEPT;
    for (uint32_t i = 0; i < kept; i++) {
        if (strncmp(physical->answers[i].command, command, COMMAND_ID_SIZE) == 0) {
            return &physical->answers[i];
        }
    }
    return NULL;
}

static void command(void *context, TimeNs now, const FieldCommand *given, FieldAnswer *out_answer)
{
    Physical *physical = context;
    heard(physical, now);
    if (given->command[0] == '\0') {
        *out_answer = (FieldAnswer){ .reason = "a command needs an id, so that it is not done twice" };
        return;
    }
    const FieldAnswer *known = known_answer(physical, given->command);
    if (known != NULL) {
        *out_answer = *known;
        return;
    }
    advance(physical, now); /* it acts on the plant as it is, not as it was polled last */
    device_command(&physical->devices, &physical->plant, given, out_answer);
    physical->answers[physical->answer_count++ % ANSWERS_KEPT] = *out_answer;
}

static const FieldOps field_ops = {
    .poll = poll,
    .next_due = next_due,
    .clock = clock_of,
    .command = command,
    .heard = heard,
};

Field physical_field(Physical *physical)
{
    return (Field){ .ops = &field_ops, .context = physical };
}

/* ---- the rest ---- */

Status physical_inject(Physical *physical, const char *thing, const char *fault, double severity, TimeNs now)
{
    advance(physical, now);
    return device_inject(&physical->devices, &physical->plant, thing, fault, severity);
}

bool physical_link_lost(const Physical *physical)
{
    return physical->link_lost;
}

PhysicalBalance physical_balance(const Physical *physical)
{
    const Plant *plant = &physical->plant;
    return (PhysicalBalance){ .water_m3 = plant_water(plant),
                              .heat_kj = plant_heat(plant),
                              .leaked_m3 = plant->leaked,
                              .boiler_kj = plant->boiler_in,
                              .consumed_kj = plant->consumed,
                              .lost_kj = plant->lost,
                              .leaked_kj = plant->leaked_heat };
}
