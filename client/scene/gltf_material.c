#include "client/scene/gltf_document.h"

#include <math.h>

static float clamp01(float value)
{
    return value < 0 ? 0 : value > 1 ? 1 : value;
}

static void clamp_all(float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        values[i] = clamp01(values[i]);
    }
}

static bool uv_equal(const UvMapping *a, const UvMapping *b)
{
    return a->set == b->set && a->rotation == b->rotation &&
           memcmp(a->offset, b->offset, sizeof a->offset) == 0 &&
           memcmp(a->scale, b->scale, sizeof a->scale) == 0;
}

/* A vertex has one pair of texture coordinates, so the first texture of a material decides which set and
 * which transform go into it. */
static void choose_uv(Document *doc, UvMapping *chosen, const UvMapping *wanted)
{
    if (!chosen->chosen) {
        *chosen = *wanted;
        chosen->chosen = true;
    } else if (!uv_equal(chosen, wanted)) {
        document_note(doc, NOTE_UV,
                      "a material's textures use different coordinates: those of the first are used");
    }
}

static void read_uv(Document *doc, const Field *info, UvMapping *out)
{
    *out = (UvMapping){ .scale = { 1, 1 } };
    uint64_t set = field_uint(doc, info, "texCoord", 0, GLTF_UV_SETS_MAX - 1);
    Field extensions;
    Field transform = field_extension(doc, info, "KHR_texture_transform", &extensions);
    out->set = (uint32_t)field_uint(doc, &transform, "texCoord", set, GLTF_UV_SETS_MAX - 1);
    field_numbers(doc, &transform, "offset", 2, out->offset);
    field_numbers(doc, &transform, "scale", 2, out->scale);
    out->rotation = field_number(doc, &transform, "rotation", 0);
    out->transformed = transform.json != NULL;
}

/* The image of textureInfo `key`, or MODEL_NONE; *out_info stays valid while its parent does. */
static uint32_t read_texture(Document *doc, const Field *object, const char *key, bool srgb, UvMapping *uv,
                             Field *out_info)
{
    *out_info = field_get(doc, object, key, JSON_OBJECT);
    if (!out_info->json) {
        return MODEL_NONE;
    }
    uint32_t texture = field_index(doc, out_info, "index", doc->texture_count);
    if (texture == MODEL_NONE) {
        document_fail(doc, STATUS_MALFORMED, out_info, "has no \"index\"");
        return MODEL_NONE;
    }
    UvMapping wanted;
    read_uv(doc, out_info, &wanted);
    uint32_t image = document_texture_image(doc, texture, srgb);
    if (image != MODEL_NONE) {
        choose_uv(doc, uv, &wanted);
    }
    return image;
}

static void read_metallic_roughness(Document *doc, const Field *material, ModelMaterial *out, UvMapping *uv)
{
    Field pbr = field_get(doc, material, "pbrMetallicRoughness", JSON_OBJECT);
    Field info;
    field_numbers(doc, &pbr, "baseColorFactor", 4, out->base_color);
    out->metallic = field_number(doc, &pbr, "metallicFactor", 1);
    out->roughness = field_number(doc, &pbr, "roughnessFactor", 1);
    out->base_color_image = read_texture(doc, &pbr, "baseColorTexture", true, uv, &info);
    out->metallic_roughness_image = read_texture(doc, &pbr, "metallicRoughnessTexture", false, uv, &info);
}

/* The older specular-glossiness model, as far as a metallic-roughness one can follow: its diffuse colour on a
 * dielectric. */
static void read_specular_glossiness(Document *doc, const Field *extension, ModelMaterial *out, UvMapping *uv)
{
    Field info;
    float diffuse[4] = { 1, 1, 1, 1 };
    field_numbers(doc, extension, "diffuseFactor", 4, diffuse);
    memcpy(out->base_color, diffuse, sizeof diffuse);
    out->metallic = 0;
    out->roughness = 1 - clamp01(field_number(doc, extension, "glossinessFactor", 1));
    out->metallic_roughness_image = MODEL_NONE;
    *uv = (UvMapping){ .scale = { 1, 1 } };
    out->base_color_image = read_texture(doc, extension, "diffuseTexture", true, uv, &info);
}

static void read_extensions(Document *doc, const Field *material, ModelMaterial *out, UvMapping *uv)
{
    Field extensions;
    Field glossiness = field_extension(doc, material, "KHR_materials_pbrSpecularGlossiness", &extensions);
    if (glossiness.json) {
        read_specular_glossiness(doc, &glossiness, out, uv);
    }
    Field strength = field_get(doc, &extensions, "KHR_materials_emissive_strength", JSON_OBJECT);
    float factor = fmaxf(field_number(doc, &strength, "emissiveStrength", 1), 0);
    for (int i = 0; i < 3; i++) {
        out->emissive[i] = fminf(out->emissive[i] * factor, 1e6f);
    }
    out->unlit = field_get(doc, &extensions, "KHR_materials_unlit", JSON_OBJECT).json != NULL;
}

static void read_alpha(Document *doc, const Field *material, ModelMaterial *out)
{
    static const char *const modes[] = { "OPAQUE", "MASK", "BLEND" };
    Field field = field_get(doc, material, "alphaMode", JSON_STRING);
    out->alpha_cutoff = field_number(doc, material, "alphaCutoff", 0.5f);
    if (!field.json) {
        return;
    }
    for (size_t i = 0; i < ARRAY_COUNT(modes); i++) {
        if (strcmp(json_string_value(field.json), modes[i]) == 0) {
            out->alpha = (ModelAlpha)i;
            return;
        }
    }
    document_fail(doc, STATUS_MALFORMED, &field, "must be OPAQUE, MASK or BLEND");
}

static ModelMaterial default_material(void)
{
    return (ModelMaterial){ .name = "",
                            .base_color = { 1, 1, 1, 1 },
                            .metallic = 1,
                            .roughness = 1,
                            .normal_scale = 1,
                            .occlusion_strength = 1,
                            .alpha_cutoff = 0.5f,
                            .base_color_image = MODEL_NONE,
                            .metallic_roughness_image = MODEL_NONE,
                            .normal_image = MODEL_NONE,
                            .emissive_image = MODEL_NONE,
                            .occlusion_image = MODEL_NONE };
}

static void load_material(Document *doc, const Field *material, ModelMaterial *out, UvMapping *uv)
{
    Field info;
    *out = default_material();
    *uv = (UvMapping){ .scale = { 1, 1 } };
    out->name = document_copy_text(doc, field_text(doc, material, "name"));
    read_metallic_roughness(doc, material, out, uv);
    out->normal_image = read_texture(doc, material, "normalTexture", false, uv, &info);
    out->normal_scale = field_number(doc, &info, "scale", 1);
    out->occlusion_image = read_texture(doc, material, "occlusionTexture", false, uv, &info);
    out->occlusion_strength = clamp01(field_number(doc, &info, "strength", 1));
    out->emissive_image = read_texture(doc, material, "emissiveTexture", true, uv, &info);
    field_numbers(doc, material, "emissiveFactor", 3, out->emissive);
    clamp_all(out->emissive, 3);
    out->double_sided = field_bool(doc, material, "doubleSided", false);
    read_alpha(doc, material, out);
    read_extensions(doc, material, out, uv);
    clamp_all(out->base_color, 4);
    out->metallic = clamp01(out->metallic);
    out->roughness = clamp01(out->roughness);
}

void document_load_materials(Document *doc)
{
    document_prepare_images(doc);
    uint32_t count = 0;
    Field list = field_list(doc, "materials", 1u << 16, &count);
    /* One more than the file has, for primitives that name none. */
    doc->model.materials = document_array(doc, doc->arena, ModelMaterial, (size_t)count + 1);
    doc->uv = document_array(doc, &doc->scratch, UvMapping, (size_t)count + 1);
    for (uint32_t i = 0; i < count && doc->status == STATUS_OK; i++) {
        Field item = field_item(doc, &list, i, JSON_OBJECT);
        load_material(doc, &item, &doc->model.materials[i], &doc->uv[i]);
    }
    if (doc->status == STATUS_OK) {
        doc->model.material_count = count;
        doc->model.materials[count] = default_material();
        doc->uv[count] = (UvMapping){ .scale = { 1, 1 } };
    }
}
