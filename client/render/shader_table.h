/* shader_table.h - the GLSL of assets/shaders, embedded at build time by cmake/embed_shaders.cmake. */
#ifndef CLIENT_RENDER_SHADER_TABLE_H
#define CLIENT_RENDER_SHADER_TABLE_H

typedef struct ShaderText {
    const char *name; /* the file's name without ".glsl"; NULL ends the table */
    const char *text;
} ShaderText;

extern const ShaderText shader_table[];

#endif
