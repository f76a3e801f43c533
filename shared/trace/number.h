/* number.h - decimal numbers in text files, read strictly and independently of the process's locale. Pure. */
#ifndef SHARED_TRACE_NUMBER_H
#define SHARED_TRACE_NUMBER_H
#include "shared/base/status.h"

#include <stddef.h>

#define NUMBER_SIZE_MAX ((size_t)1024) /* bytes; more digits than decide any rounding */

/* Reads all of text[0..size) as [+-] digits [mark digits] [e [+-] digits], with a digit before or after the
 * mark; `mark` is '.' or ','. The result is the nearest binary64 value, ties to even. STATUS_MALFORMED
 * for anything else (hexadecimal, "inf", "nan", spaces, more than NUMBER_SIZE_MAX bytes), STATUS_OUT_OF_RANGE
 * where the nearest value would be infinite; *out_value is then unchanged. */
NODISCARD Status number_parse(const char *text, size_t size, char mark, double *out_value);

#endif
