/* builtin.h - files that the build puts into the program. */
#ifndef CLIENT_BUILTIN_H
#define CLIENT_BUILTIN_H
#include <stddef.h>
#include <stdint.h>

extern const uint8_t builtin_avatar_bytes[]; /* assets/models/avatar.glb */
extern const size_t builtin_avatar_size;

#endif
