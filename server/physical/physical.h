/* physical.h - the physical world of the shipped `plant`: process, sensors, actuators and their local logic,
 * with a clock of its own. It is what lies behind the field bus: a digital twin system sees it as a Field
 * (shared/systems/field.h) and nothing else. Pure and seeded: it moves in fixed steps of PHYSICAL_STEP, and
 * the same configuration, commands and faults at the same times give the same samples. One owner. */
#ifndef SERVER_PHYSICAL_PHYSICAL_H
#define SERVER_PHYSICAL_PHYSICAL_H
#include "shared/base/diag.h"
#include "shared/model/world.h"
#include "shared/systems/field.h"

#define PHYSICAL_STEP          (50 * TIME_MS)
#define PHYSICAL_LINK_PATIENCE (10 * TIME_SECOND)
#define PHYSICAL_SPEED_MIN     0.1
#define PHYSICAL_SPEED_MAX     1000.0

/* X(NAME, text): what can be broken, and where. At severity 0 it is whole again.
 *  - leak, of tank-hot and tank-cold: up to 40 m3/h run out at the bottom of a full tank
 *  - stuck-valve, of valve-1 to 3: the actuator is slowed by the severity; at 1 it does not move
 *  - sensor-drift, of everything: its leading sensor (the first of its rows in sensors.c) creeps off by up to
 *    2 % of its range a minute; what leaves the range is reported as bad
 *  - bearing-wear, of pump-1 and pump-2: vibration and heat of the bearing grow while it turns, to an alarm
 *    after some minutes at 1. Mended, the bearing is new
 *  - blocked-exchanger, of heat-exchanger: less surface, more pressure drop
 *  - maintenance, of pump-1 and pump-2: locked out for work by someone on site */
#define PHYSICAL_FAULT_TABLE(X)               \
    X(LEAK, "leak")                           \
    X(STUCK_VALVE, "stuck-valve")             \
    X(SENSOR_DRIFT, "sensor-drift")           \
    X(BEARING_WEAR, "bearing-wear")           \
    X(BLOCKED_EXCHANGER, "blocked-exchanger") \
    X(MAINTENANCE, "maintenance")

typedef struct PhysicalFault {
    const char *thing, *fault; /* borrowed for the call */
    double severity;           /* 0..1 */
} PhysicalFault;

typedef struct PhysicalConfig {
    const World *world; /* borrowed */
    uint64_t seed;
    TimeNs start;                /* Unix ns at the first poll: date and hour make weather and demand */
    double speed;                /* seconds of the plant in one second; 0: 1 */
    const PhysicalFault *faults; /* there from the start */
    size_t fault_count;
    TimeNs
        link_patience; /* silence after which actuators go to their safe state; 0: PHYSICAL_LINK_PATIENCE */
} PhysicalConfig;

typedef struct Physical Physical; /* opaque */

/* STATUS_UNSUPPORTED for a world that is not the plant: `diag` says which thing or property is missing or not
 * known here. STATUS_OUT_OF_RANGE (speed, severity), STATUS_NOT_FOUND (fault), STATUS_OUT_OF_MEMORY. The
 * plant has run for an hour when it is returned, so that no start-up is seen. */
NODISCARD Status physical_create(const PhysicalConfig *config, Physical **out_physical, Diag *diag);
void physical_destroy(Physical *physical);

/* Moves the plant to monotonic `now` when nobody polls; samples wait in order, and when too many wait the
 * plant stands still until they are polled. */
void physical_tick(Physical *physical, TimeNs now);

/* The devices. Valid as long as `physical`; `now` never steps back. The first poll sets the origin of time.
 */
Field physical_field(Physical *physical);

/* Breaks something at `now`, or mends it (severity 0). STATUS_NOT_FOUND (no such thing or fault),
 * STATUS_UNSUPPORTED (that thing cannot have that fault), STATUS_OUT_OF_RANGE (severity). */
NODISCARD Status physical_inject(Physical *physical, const char *thing, const char *fault, double severity,
                                 TimeNs now);

/* Reads "THING:FAULT" or "THING:FAULT:SEVERITY" (1 when left out) into `out_fault`, whose texts then point
 * into `text`, which is cut. STATUS_MALFORMED. */
NODISCARD Status physical_fault_parse(char *text, PhysicalFault *out_fault);

/* True while nothing has been heard for longer than the patience allows. */
bool physical_link_lost(const Physical *physical);

/* Water and heat since physical_create, for balances: all from the same state that the sensors see. */
typedef struct PhysicalBalance {
    double water_m3; /* in tanks, pipes and exchanger now */
    double heat_kj;  /* in all water and metal now, above 0 degC */
    double leaked_m3;
    double boiler_kj, consumed_kj, lost_kj, leaked_kj;
} PhysicalBalance;

PhysicalBalance physical_balance(const Physical *physical);

#endif
