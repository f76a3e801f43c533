/* unit.h - conversion between the units that MAPPING.md lists. Pure. */
#ifndef SHARED_TRACE_UNIT_H
#define SHARED_TRACE_UNIT_H
#include <stdbool.h>

/* value in `to` = value in `from` × scale + offset */
typedef struct UnitConversion {
    double scale, offset;
} UnitConversion;

/* Equal names always convert, 1 and 0. False, and *out_conversion unchanged, when a name is not known or the
 * two are not of one kind. */
bool unit_conversion(const char *from, const char *to, UnitConversion *out_conversion);

#endif
