/* Programs from the embedded GLSL. */
#include "client/render/renderer_gl.h"
#include "client/render/shader_table.h"

#include <stdio.h>
#include <string.h>

static const char *find_text(const char *name)
{
    for (const ShaderText *entry = shader_table; entry->name; entry++) {
        if (strcmp(entry->name, name) == 0) {
            return entry->text;
        }
    }
    return NULL;
}

static Status compile(GLenum stage, const char *name, const char *defines, GLuint *out_shader, Diag *diag)
{
    const char *text = find_text(name);
    const char *common = find_text("common");
    const char *shadow = find_text("shadow");
    if (!text || !common || !shadow) {
        return diag_set(diag, STATUS_NOT_FOUND, name, 0, "the shader is not part of this program");
    }
    const char *parts[] = { "#version 450 core\n", defines, common, shadow, "#line 1\n", text };
    GLuint shader = glCreateShader(stage);
    glShaderSource(shader, sizeof parts / sizeof parts[0], parts, NULL);
    glCompileShader(shader);
    GLint compiled = GL_FALSE;
    glGetShaderiv(shader, GL_COMPILE_STATUS, &compiled);
    if (!compiled) {
        char words[400] = "";
        glGetShaderInfoLog(shader, sizeof words, NULL, words);
        glDeleteShader(shader);
        return diag_set(diag, STATUS_DEVICE_ERROR, name, 0, "the driver refuses the shader: %s", words);
    }
    *out_shader = shader;
    return STATUS_OK;
}

static Status build(const char *vertex_name, const char *fragment_name, const char *defines,
                    GLuint *out_program, Diag *diag)
{
    GLuint vertex = 0;
    GLuint fragment = 0;
    Status status = compile(GL_VERTEX_SHADER, vertex_name, defines, &vertex, diag);
    if (status == STATUS_OK) {
        status = compile(GL_FRAGMENT_SHADER, fragment_name, defines, &fragment, diag);
    }
    if (status != STATUS_OK) {
        glDeleteShader(vertex);
        return status;
    }
    GLuint program = glCreateProgram();
    glAttachShader(program, vertex);
    glAttachShader(program, fragment);
    glLinkProgram(program);
    glDetachShader(program, vertex);
    glDetachShader(program, fragment);
    glDeleteShader(vertex);
    glDeleteShader(fragment);
    GLint linked = GL_FALSE;
    glGetProgramiv(program, GL_LINK_STATUS, &linked);
    if (!linked) {
        char words[400] = "";
        glGetProgramInfoLog(program, sizeof words, NULL, words);
        glDeleteProgram(program);
        return diag_set(diag, STATUS_DEVICE_ERROR, fragment_name, 0, "the driver refuses to link: %s", words);
    }
    *out_program = program;
    return STATUS_OK;
}

Status programs_create(Programs *programs, uint32_t samples, bool occlusion, Diag *diag)
{
    char samples_define[64];
    snprintf(samples_define, sizeof samples_define, "#define SAMPLES %u\n%s", samples,
             occlusion ? "#define OCCLUSION\n" : "");
    const struct {
        const char *vertex, *fragment, *defines;
        GLuint *out;
    } table[] = {
        { "depth_vertex", "depth_fragment", "", &programs->depth },
        { "depth_vertex", "depth_fragment", "#define ALPHA_MASK\n", &programs->depth_mask },
        { "sky_vertex", "sky_fragment", "", &programs->sky },
        { "ground_vertex", "ground_fragment", "", &programs->ground },
        { "lamp_vertex", "lamp_fragment", "", &programs->lamp },
        { "lamp_vertex", "lamp_fragment", "#define HALO\n", &programs->halo },
        { "resolve_vertex", "occlusion_fragment", samples_define, &programs->occlusion },
        { "resolve_vertex", "smooth_fragment", "", &programs->smooth },
        { "resolve_vertex", "resolve_fragment", samples_define, &programs->resolve },
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        Status status = build(table[i].vertex, table[i].fragment, table[i].defines, table[i].out, diag);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return programs_need_mesh(programs, 0, diag);
}

Status programs_need_mesh(Programs *programs, uint32_t variant, Diag *diag)
{
    static const char *const names[] = {
        "BASE_TEXTURE", "ROUGHNESS_TEXTURE", "NORMAL_TEXTURE", "EMISSIVE_TEXTURE", "OCCLUSION_TEXTURE",
        "ALPHA_MASK",   "ALPHA_BLEND",       "UNLIT",          "DOUBLE_SIDED"
    };
    if (programs->mesh[variant]) {
        return STATUS_OK;
    }
    char defines[512];
    const uint32_t textures = VARIANT_BASE_TEXTURE | VARIANT_ROUGHNESS_TEXTURE | VARIANT_NORMAL_TEXTURE |
                              VARIANT_EMISSIVE_TEXTURE | VARIANT_OCCLUSION_TEXTURE;
    int used = snprintf(defines, sizeof defines, "%s", variant & textures ? "#define ANY_TEXTURE\n" : "");
    for (uint32_t bit = 0; bit < sizeof names / sizeof names[0]; bit++) {
        if (variant & 1U << bit) {
            used += snprintf(defines + used, sizeof defines - (size_t)used, "#define %s\n", names[bit]);
        }
    }
    return build("mesh_vertex", "mesh_fragment", defines, &programs->mesh[variant], diag);
}

void programs_destroy(Programs *programs)
{
    const GLuint others[] = { programs->depth,     programs->depth_mask, programs->sky,
                              programs->ground,    programs->lamp,       programs->halo,
                              programs->occlusion, programs->smooth,     programs->resolve };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        glDeleteProgram(others[i]);
    }
    for (uint32_t i = 0; i < VARIANT_COUNT; i++) {
        glDeleteProgram(programs->mesh[i]);
    }
    *programs = (Programs){ 0 };
}
