/* body.h - the JSON bodies of interface messages, read and written: what all families have in common.
 * INTERFACES.md lists the members. Reading takes untrusted bytes; errors are sticky in the document, as in
 * json.h. Pure. */
#ifndef SHARED_SYSTEMS_BODY_H
#define SHARED_SYSTEMS_BODY_H
#include "shared/model/json.h"
#include "shared/model/value.h"
#include "shared/systems/bus.h"

#define INTERFACE_ID_SIZE 33 /* of grants and commands: 32 lower-case hex digits and the terminator */

/* ---- reading ---- */

/* Parses the body of message `id`: one object with the schema of the table. On success the caller calls
 * json_document_finish. STATUS_MALFORMED, STATUS_VERSION_MISMATCH (another schema), STATUS_OUT_OF_MEMORY. */
NODISCARD Status body_parse(JsonDocument *document, FamilyId id, Bytes bytes, Arena *arena, Diag *diag);

/* An integer; absent: `fallback`. What is none or outside the limits is reported and gives it too. */
int64_t body_read_integer(const JsonNode *node, int64_t minimum, int64_t maximum, int64_t fallback);

/* A name of a system; "" when absent or wrong. */
const char *body_read_name(const JsonNode *node);

/* 32 lower-case hex digits; "" when absent or wrong. */
const char *body_read_id(const JsonNode *node);

/* An array of "read" and "actuate" as RIGHT_*; 0 when absent or wrong. */
uint32_t body_read_rights(const JsonNode *node);

/* A number, boolean or text of up to 255 bytes; false, *out unchanged, when absent or wrong. The text lives
 * in the document's arena. */
bool body_read_value(const JsonNode *node, Value *out);

/* Whether `text` is an id as above. */
bool body_id_valid(const char *text);

/* ---- writing ---- */

typedef struct BodyWriter {
    FamilyId id;
    json_t *root; /* NULL once something has failed */
} BodyWriter;

BodyWriter body_begin(FamilyId id);
void body_set(BodyWriter *writer, const char *key, json_t *value); /* takes `value`; NULL is a failure */
void body_text(BodyWriter *writer, const char *key, const char *text);
void body_integer(BodyWriter *writer, const char *key, int64_t value);
void body_number(BodyWriter *writer, const char *key, double value);
void body_boolean(BodyWriter *writer, const char *key, bool value);
void body_value(BodyWriter *writer, const char *key, Value value);
void body_rights(BodyWriter *writer, const char *key, uint32_t rights);

/* The text, to be freed by the caller, and *out_size; NULL when something failed: a text that is no UTF-8, a
 * number that is not finite, no memory. Ends the writer. */
char *body_finish(BodyWriter *writer, size_t *out_size);

/* Sends it, with `to` and `subject` as in BusMessage (NULL: ""). Ends the writer. Statuses of bus_send;
 * STATUS_INVALID_ARGUMENT as body_finish. */
NODISCARD Status body_send(BodyWriter *writer, Bus bus, const char *to, const char *subject,
                           uint64_t correlation);

#endif
