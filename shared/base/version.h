/* version.h - which build this is. */
#ifndef SHARED_BASE_VERSION_H
#define SHARED_BASE_VERSION_H

const char *version_number(void); /* "0.1.0" */
const char *version_commit(void); /* abbreviated commit at configuration, or "unknown" */

#endif
