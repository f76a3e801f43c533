/* service.h - a third-party service system (Y.4239 clause 9): condition monitoring over SII. It registers,
 * discovers the digital twin systems, asks for read access, watches every number they report (monitor.h) and
 * raises and clears alarms, which the integration enabler carries into the world (R2, R25). Needs no
 * configuration. Pure; one owner. */
#ifndef SERVER_SERVICE_SERVICE_H
#define SERVER_SERVICE_SERVICE_H
#include "server/service/monitor.h"
#include "shared/systems/consumer.h"

#define SERVICE_NAME        "condition-monitoring"
#define SERVICE_SYSTEMS_MAX 32

/* Zeros mean defaults. */
typedef struct ServiceConfig {
    const char *name;          /* of the system; SERVICE_NAME */
    const char *domain;        /* watches twin systems of this domain only; NULL or "": all */
    const char *token;         /* to register with, where the enabler asks for one; may be NULL */
    const MonitorRules *rules; /* borrowed while the service lives; NULL: monitor_rules_default */
    double alarms_per_s;       /* changes of alarms told a second, and at once after a pause; 5 and 20 */
    double alarm_burst;
} ServiceConfig;

typedef struct ServiceCounters {
    uint64_t samples, dropped; /* scored; not */
    uint64_t raised, cleared;  /* alarms told */
    uint64_t held;             /* ticks in which alarms had to wait: too many, or the bus was full */
    uint32_t systems, properties, active; /* watched now; alarms that are active */
    bool registered;
} ServiceCounters;

typedef struct Service Service; /* opaque */

/* On success owns `bus`, an endpoint of kind service; `texts` is borrowed (consumer_create). Texts of
 * `config` are borrowed while the service lives. STATUS_OUT_OF_MEMORY, STATUS_INVALID_ARGUMENT. */
NODISCARD Status service_create(const ServiceConfig *config, Bus bus, TextTable *texts,
                                Service **out_service);
void service_destroy(Service *service); /* safe on NULL */

/* Everything that is to be done by monotonic `now` and Unix time `wall`: reads what came, scores samples,
 * tells alarms, asks again for what was refused or is about to expire. */
void service_tick(Service *service, TimeNs now, TimeNs wall);

ServiceCounters service_counters(const Service *service);

#endif
