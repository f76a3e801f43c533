/* The glTF reader: hand-made files with one thing wrong each, and real files against an independent reading.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glob.h>
#include <math.h>

#include "client/scene/gltf.h"
#include "shared/base/disk_file.h"
#include "shared/base/log.h"
#include "tests/unit/client/glb_builder.h"

/* Two triangles of a unit square in the plane z = 0, a child node, a clip. Binary: positions (48 bytes),
 * indices (12), times (8), rotations (32), sparse index (4), sparse value (12). */
static const char square[] =
    "{\"asset\":{\"version\":\"2.0\"},\"scene\":0,\"scenes\":[{\"nodes\":[1]}],"
    "\"nodes\":[{\"name\":\"child\",\"mesh\":0,\"translation\":[1,2,3]},"
    "{\"name\":\"root\",\"children\":[0],\"scale\":[2,2,2]}],"
    "\"meshes\":[{\"primitives\":[{\"attributes\":{\"POSITION\":0},\"indices\":1,\"mode\":4}]}],"
    "\"animations\":[{\"name\":\"turn\",\"channels\":[{\"sampler\":0,\"target\":{\"node\":0,\"path\":"
    "\"rotation\"}}],"
    "\"samplers\":[{\"input\":2,\"output\":3}]}],"
    "\"accessors\":[{\"bufferView\":0,\"componentType\":5126,\"count\":4,\"type\":\"VEC3\"},"
    "{\"bufferView\":1,\"componentType\":5123,\"count\":6,\"type\":\"SCALAR\"},"
    "{\"bufferView\":2,\"componentType\":5126,\"count\":2,\"type\":\"SCALAR\"},"
    "{\"bufferView\":3,\"componentType\":5126,\"count\":2,\"type\":\"VEC4\"}],"
    "\"bufferViews\":[{\"buffer\":0,\"byteOffset\":0,\"byteLength\":48},"
    "{\"buffer\":0,\"byteOffset\":48,\"byteLength\":12},{\"buffer\":0,\"byteOffset\":60,\"byteLength\":8},"
    "{\"buffer\":0,\"byteOffset\":68,\"byteLength\":32},{\"buffer\":0,\"byteOffset\":100,\"byteLength\":4},"
    "{\"buffer\":0,\"byteOffset\":104,\"byteLength\":12}],"
    "\"buffers\":[{\"byteLength\":116}]}";

typedef struct SquareData {
    float positions[4][3];
    uint16_t indices[6];
    float times[2];
    float rotations[2][4];
    uint32_t sparse_index;
    float sparse_value[3];
} SquareData;

static const SquareData square_data = {
    .positions = { { 0, 0, 0 }, { 1, 0, 0 }, { 1, 1, 0 }, { 0, 1, 0 } },
    .indices = { 0, 1, 2, 0, 2, 3 },
    .times = { 0, 2 },
    .rotations = { { 0, 0, 0, 1 }, { 0, 0, 1, 0 } },
    .sparse_index = 2,
    .sparse_value = { 1, 5, 0 },
};

static Diag diag;

static Status load_bytes(const char *name, Bytes bytes, Arena *arena, Model *model)
{
    const AssetEntry entries[] = { { name, bytes } };
    const AssetTable table = { entries, 1 };
    diag = (Diag){ 0 };
    return gltf_load(asset_source_memory(&table), name, arena, model, &diag);
}

/* Loads the square with `from` replaced by `to`. */
static Status load_changed(const char *from, const char *to, const SquareData *data, Arena *arena,
                           Model *model)
{
    static Glb glb;
    char json[4096];
    glb_build(&glb, glb_replace(square, from, to, json, sizeof json), data, sizeof *data);
    return load_bytes("square.glb", bytes_of(glb.data, glb.size), arena, model);
}

static void test_square(void **state)
{
    (void)state;
    Arena arena;
    Model model = { 0 };
    arena_init(&arena, 1 << 20);
    assert_int_equal(load_changed(NULL, NULL, &square_data, &arena, &model), STATUS_OK);
    assert_int_equal(model.node_count, 2);
    assert_string_equal(model.nodes[0].name, "root");
    assert_int_equal(model.nodes[1].parent, 0);
    assert_int_equal(model_node_index(&model, "child"), 1);
    assert_int_equal(model_node_index(&model, "nobody"), MODEL_NONE);
    assert_int_equal(model.triangle_count, 2);
    assert_int_equal(model.material_count, 1);
    const ModelPrimitive *primitive = &model.meshes[0].primitives[0];
    assert_int_equal(primitive->vertex_count, 6); /* flat: corners are not shared */
    assert_int_equal(primitive->material, 0);
    assert_true(primitive->vertices[0].normal[2] == 1);
    assert_int_equal(primitive->vertices[0].color[3], 255);
    assert_true(model.bounds_min[0] == 2 && model.bounds_max[0] == 4);
    assert_true(model.bounds_min[1] == 4 && model.bounds_max[1] == 6);
    assert_true(model.bounds_min[2] == 6 && model.bounds_max[2] == 6);
    assert_int_equal(model.animation_count, 1);
    assert_string_equal(model.animations[0].name, "turn");
    assert_true(model.animations[0].duration == 2);
    assert_int_equal(model.animations[0].channels[0].node, 1);
    arena_finish(&arena);
}

/* What still loads: each change and a figure that must follow from it. */
static void test_variants_load(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
        uint32_t triangles;
        float top; /* bounds_max[1] */
    } cases[] = {
        { "\"mode\":4", "\"mode\":5", 3, 6 }, /* strip 0 1 2 0 2 3: three of four triangles have area */
        { "\"mode\":4", "\"mode\":6", 2, 6 },
        { ",\"indices\":1,\"mode\":4", "", 1, 6 },
        { "\"mode\":4", "\"mode\":1", 0, 0 }, /* lines are left out */
        { "\"attributes\":{\"POSITION\":0}", "\"attributes\":{\"POSITION\":0,\"NORMAL\":0}", 2, 6 },
        { "\"scale\":[2,2,2]", "\"matrix\":[1,0,0,0, 0,3,0,0, 0,0,1,0, 0,10,0,1]", 2, 19 },
        { "\"scale\":[2,2,2]", "\"rotation\":[0,0,0.5,0.5]", 2, 2 },
        { "\"count\":4,\"type\":\"VEC3\"",
          "\"count\":4,\"type\":\"VEC3\",\"sparse\":{\"count\":1,\"indices\":{\"bufferView\":4,"
          "\"componentType\":5125},\"values\":{\"bufferView\":5}}",
          2, 14 },
        { "\"scenes\":[{\"nodes\":[1]}],", "\"scenes\":[{\"nodes\":[]}],", 0, 0 },
        { "\"scene\":0,\"scenes\":[{\"nodes\":[1]}],", "", 2, 6 },
        { "\"asset\":{", "\"extensionsUsed\":[\"KHR_x\"],\"asset\":{\"extras\":{\"name\":1},", 2, 6 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        Arena arena;
        Model model = { 0 };
        arena_init(&arena, 1 << 20);
        Status status = load_changed(cases[i].from, cases[i].to, &square_data, &arena, &model);
        if (status != STATUS_OK || model.triangle_count != cases[i].triangles ||
            fabsf(model.bounds_max[1] - cases[i].top) > 1e-5f) {
            print_error("case %zu: %s, %u triangles, top %g\n", i, diag.text, model.triangle_count,
                        (double)model.bounds_max[1]);
            fail();
        }
        arena_finish(&arena);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
        Status status;
        const char *says;
    } cases[] = {
        { "\"version\":\"2.0\"", "\"version\":\"1.0\"", STATUS_UNSUPPORTED, "glTF 1.0" },
        { "\"asset\"", "\"aset\"", STATUS_MALFORMED, "no \"asset\"" },
        { "\"asset\":{", "\"extensionsRequired\":[\"KHR_draco_mesh_compression\"],\"asset\":{",
          STATUS_UNSUPPORTED, "needs extension KHR_draco_mesh_compression, which is not supported" },
        { "{\"name\":\"child\"", "{\"name\":42", STATUS_MALFORMED, "/nodes/0/name" },
        { "{\"name\":\"child\"", "{\"extensions\":[],\"name\":\"child\"", STATUS_MALFORMED,
          "/nodes/0/extensions" },
        { "\"children\":[0]", "\"children\":[1]", STATUS_MALFORMED, "/nodes/1/children" },
        { "\"children\":[0]", "\"children\":[0,0]", STATUS_MALFORMED, "two parents" },
        { "\"children\":[0]", "\"children\":[2]", STATUS_OUT_OF_RANGE, "/nodes/1/children/0" },
        { "\"mesh\":0", "\"mesh\":0,\"children\":[1]", STATUS_MALFORMED, "cycle" },
        { "\"mesh\":0", "\"mesh\":-1", STATUS_OUT_OF_RANGE, "/nodes/0/mesh" },
        { "\"mesh\":0", "\"mesh\":0.5", STATUS_OUT_OF_RANGE, "whole number" },
        { "\"mesh\":0", "\"mesh\":\"0\"", STATUS_MALFORMED, "must be a number, is a string" },
        { "\"mesh\":0", "\"mesh\":7", STATUS_OUT_OF_RANGE, "index 7" },
        { "\"nodes\":[1]", "\"nodes\":[0]", STATUS_MALFORMED, "not a root" },
        { "[1,2,3]", "[1,2]", STATUS_MALFORMED, "must have 3 numbers" },
        { "[1,2,3]", "[1,2,1e39]", STATUS_OUT_OF_RANGE, "float" },
        { "\"scale\":[2,2,2]", "\"rotation\":[0,0,0,0]", STATUS_OUT_OF_RANGE, "quaternion" },
        { "\"scale\":[2,2,2]", "\"matrix\":[1,0,0,0,0,1,0,0,0,0,1,1,0,0,0,1]", STATUS_MALFORMED, "affine" },
        { "\"scale\":[2,2,2]", "\"scale\":[1e30,1,1]", STATUS_OUT_OF_RANGE, "larger" },
        { "\"POSITION\":0", "\"POSITION\":1", STATUS_MALFORMED, "another type" },
        { "\"POSITION\":0", "\"POSITION\":0,\"NORMAL\":3", STATUS_MALFORMED, "NORMAL" },
        { "\"indices\":1", "\"indices\":2", STATUS_MALFORMED, "unsigned integer" },
        { "\"indices\":1", "\"indices\":1,\"material\":0", STATUS_OUT_OF_RANGE, "material" },
        { "\"mode\":4", "\"mode\":7", STATUS_OUT_OF_RANGE, "mode" },
        { "\"count\":4", "\"count\":5", STATUS_OUT_OF_RANGE, "/accessors/0" },
        { "\"count\":4", "\"count\":0", STATUS_MALFORMED, "/accessors/0" },
        { "\"count\":4", "\"count\":4294967296", STATUS_OUT_OF_RANGE, "count" },
        { "\"count\":4", "\"count\":4,\"byteOffset\":2", STATUS_MALFORMED, "offset 2" },
        { "\"count\":4", "\"count\":4,\"byteOffset\":4", STATUS_OUT_OF_RANGE, "48" },
        { "\"count\":4", "\"count\":3", STATUS_OUT_OF_RANGE, "only 3 vertices" },
        { "\"VEC3\"", "\"VEC5\"", STATUS_MALFORMED, "type" },
        { "\"byteLength\":48", "\"byteLength\":48,\"byteStride\":8", STATUS_MALFORMED, "stride 8" },
        { "\"byteLength\":48", "\"byteLength\":48,\"byteStride\":6", STATUS_MALFORMED, "multiple of 4" },
        { "\"byteLength\":48", "\"byteLength\":48,\"byteStride\":16", STATUS_OUT_OF_RANGE, "needs 60" },
        { "\"byteLength\":48", "\"byteLength\":4800", STATUS_OUT_OF_RANGE, "/bufferViews/0" },
        { "\"byteLength\":116", "\"byteLength\":117", STATUS_TRUNCATED, "/buffers/0" },
        { "\"byteLength\":116", "\"byteLength\":116,\"uri\":\"gone.bin\"", STATUS_NOT_FOUND, "gone.bin" },
        { "\"byteLength\":116", "\"byteLength\":116,\"uri\":\"../x.bin\"", STATUS_INVALID_ARGUMENT,
          "leaves" },
        { "\"byteLength\":116", "\"byteLength\":116,\"uri\":\"/etc/passwd\"", STATUS_INVALID_ARGUMENT,
          "leaves" },
        { "\"byteLength\":116", "\"byteLength\":116,\"uri\":\"%2e%2e/x\"", STATUS_INVALID_ARGUMENT,
          "leaves" },
        { "\"byteLength\":116", "\"byteLength\":116,\"uri\":\"a%zz\"", STATUS_INVALID_ARGUMENT, "escape" },
        { "\"byteLength\":116", "\"byteLength\":116,\"uri\":\"data:;base64,A*\"", STATUS_MALFORMED,
          "base64" },
        { "\"byteLength\":116", "\"byteLength\":116,\"uri\":\"data:,AA\"", STATUS_UNSUPPORTED, "base64" },
        { "\"count\":4,\"type\":\"VEC3\"",
          "\"count\":4,\"type\":\"VEC3\",\"sparse\":{\"count\":2,\"indices\":{\"bufferView\":4,"
          "\"componentType\":5125},\"values\":{\"bufferView\":5}}",
          STATUS_OUT_OF_RANGE, "sparse" },
        { "\"count\":4,\"type\":\"VEC3\"",
          "\"count\":4,\"type\":\"VEC3\",\"sparse\":{\"count\":1,\"indices\":{\"bufferView\":0,"
          "\"componentType\":5125,\"byteOffset\":12},\"values\":{\"bufferView\":5}}",
          STATUS_OUT_OF_RANGE, "ascending" },
        { "\"input\":2,\"output\":3", "\"input\":2,\"output\":0", STATUS_MALFORMED,
          "/animations/0/samplers/0" },
        { "\"input\":2,\"output\":3", "\"input\":3,\"output\":3", STATUS_MALFORMED, "scalars" },
        { "\"output\":3", "\"output\":3,\"interpolation\":\"SINE\"", STATUS_MALFORMED, "CUBICSPLINE" },
        { "\"asset\":{", "\"asset\":{},\"asset\":{", STATUS_MALFORMED, "duplicate" },
        { "]}", "", STATUS_MALFORMED, "JSON" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        Arena arena;
        Model model = { .node_count = 99 };
        arena_init(&arena, 1 << 20);
        Status status = load_changed(cases[i].from, cases[i].to, &square_data, &arena, &model);
        if (status != cases[i].status || !strstr(diag.text, cases[i].says) || model.node_count != 99 ||
            strcmp(diag.path, "square.glb") != 0) {
            print_error("%s: %s, \"%s\"\n", cases[i].to, status_name(status), diag.text);
            fail();
        }
        arena_finish(&arena);
    }
}

static void expect_data_refused(const SquareData *data, const char *says)
{
    Arena arena;
    Model model = { 0 };
    arena_init(&arena, 1 << 20);
    assert_int_equal(load_changed(NULL, NULL, data, &arena, &model), STATUS_OUT_OF_RANGE);
    assert_non_null(strstr(diag.text, says));
    arena_finish(&arena);
}

static void test_hostile_data(void **state)
{
    (void)state;
    SquareData data = square_data;
    data.positions[1][1] = INFINITY;
    expect_data_refused(&data, "vertex 1");
    data.positions[1][1] = NAN;
    expect_data_refused(&data, "vertex 1");
    data.positions[1][1] = 3e38f;
    expect_data_refused(&data, "vertex 1");
    data = square_data;
    data.indices[5] = 4;
    expect_data_refused(&data, "index 4");
    data = square_data;
    data.times[1] = -1;
    expect_data_refused(&data, "back in time");
    data.times[1] = NAN;
    expect_data_refused(&data, "not finite");
}

static void test_containers(void **state)
{
    (void)state;
    static Glb glb;
    Arena arena;
    Model model = { 0 };
    arena_init(&arena, 1 << 20);
    glb_build(&glb, square, &square_data, sizeof square_data);
    for (size_t size = 0; size < glb.size; size++) { /* every truncation is refused */
        assert_int_not_equal(load_bytes("t.glb", bytes_of(glb.data, size), &arena, &model), STATUS_OK);
    }
    glb.size += 4;
    assert_int_equal(load_bytes("t.glb", bytes_of(glb.data, glb.size), &arena, &model), STATUS_MALFORMED);
    glb.size -= 4;
    glb.data[4] = 1;
    assert_int_equal(load_bytes("t.glb", bytes_of(glb.data, glb.size), &arena, &model), STATUS_UNSUPPORTED);
    glb.data[4] = 2;
    glb.data[12] ^= 1;
    assert_int_equal(load_bytes("t.glb", bytes_of(glb.data, glb.size), &arena, &model), STATUS_MALFORMED);
    assert_int_equal(load_bytes("t.gltf", bytes_of("{\n\"a\":}", 7), &arena, &model), STATUS_MALFORMED);
    assert_int_equal(diag.line, 2);
    assert_int_equal(load_bytes("t.gltf", bytes_of("[]", 2), &arena, &model), STATUS_MALFORMED);
    arena_finish(&arena);
}

/* A quad, normals and colours and texture coordinates as normalised integers, a textured material with a
 * normal map; PNG 2 × 1: red, blue. */
static const char textured[] =
    "{\"asset\":{\"version\":\"2.0\"},\"nodes\":[{\"mesh\":0}],"
    "\"extensionsUsed\":[\"KHR_texture_transform\",\"KHR_materials_emissive_strength\",\"KHR_mesh_"
    "quantization\"],"
    "\"extensionsRequired\":[\"KHR_mesh_quantization\"],"
    "\"meshes\":[{\"primitives\":[{\"attributes\":{\"POSITION\":0,\"NORMAL\":1,\"TEXCOORD_0\":2,\"COLOR_0\":"
    "3},"
    "\"material\":0,\"mode\":5}]}],"
    "\"materials\":[{\"name\":\"m\",\"pbrMetallicRoughness\":{\"baseColorFactor\":[0.5,1,1,1],"
    "\"metallicFactor\":0.25,"
    "\"baseColorTexture\":{\"index\":0,\"extensions\":{\"KHR_texture_transform\":{\"scale\":[2,1],\"offset\":"
    "[0.5,0]}}}},"
    "\"normalTexture\":{\"index\":0,\"scale\":0.5,\"extensions\":{\"KHR_texture_transform\":{\"scale\":[2,1],"
    "\"offset\":[0.5,0]}}},\"emissiveFactor\":[1,0.5,0],\"alphaMode\":\"MASK\",\"doubleSided\":true,"
    "\"extensions\":{\"KHR_materials_emissive_strength\":{\"emissiveStrength\":4}}}],"
    "\"textures\":[{\"source\":0,\"sampler\":0}],\"samplers\":[{\"wrapS\":33071,\"wrapT\":33071}],"
    "\"images\":[{\"uri\":\"data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAIAAAB7QOjdAAAADUlEQVR4nGP4zwAE/wEHAAH/4iOeWQAAAABJRU5ErkJggg==\"}],"
    "\"accessors\":[{\"bufferView\":0,\"componentType\":5122,\"count\":4,\"type\":\"VEC3\"},"
    "{\"bufferView\":1,\"componentType\":5120,\"normalized\":true,\"count\":4,\"type\":\"VEC3\"},"
    "{\"bufferView\":2,\"componentType\":5123,\"normalized\":true,\"count\":4,\"type\":\"VEC2\"},"
    "{\"bufferView\":3,\"componentType\":5121,\"normalized\":true,\"count\":4,\"type\":\"VEC3\"}],"
    "\"bufferViews\":[{\"buffer\":0,\"byteLength\":32,\"byteStride\":8},"
    "{\"buffer\":0,\"byteOffset\":32,\"byteLength\":16,\"byteStride\":4},"
    "{\"buffer\":0,\"byteOffset\":48,\"byteLength\":16},"
    "{\"buffer\":0,\"byteOffset\":64,\"byteLength\":16,\"byteStride\":4}],"
    "\"buffers\":[{\"byteLength\":80}]}";

typedef struct TexturedData {
    int16_t positions[4][4];
    int8_t normals[4][4];
    uint16_t uv[4][2];
    uint8_t colors[4][4];
} TexturedData;

static void test_textured_and_quantised(void **state)
{
    (void)state;
    static const TexturedData data = {
        .positions = { { 0, 0, 0, 0 }, { 2, 0, 0, 0 }, { 0, 2, 0, 0 }, { 2, 2, 0, 0 } },
        .normals = { { 0, 0, 127, 0 }, { 0, 0, 127, 0 }, { 0, 0, 127, 0 }, { 0, 0, 127, 0 } },
        .uv = { { 0, 0 }, { 65535, 0 }, { 0, 65535 }, { 65535, 65535 } },
        .colors = { { 255, 128, 0, 0 } },
    };
    static Glb glb;
    Arena arena;
    Model model = { 0 };
    arena_init(&arena, 1 << 20);
    glb_build(&glb, textured, &data, sizeof data);
    Status status = load_bytes("t.glb", bytes_of(glb.data, glb.size), &arena, &model);
    if (status != STATUS_OK) {
        fail_msg("%s", diag.text);
    }
    const ModelPrimitive *primitive = &model.meshes[0].primitives[0];
    assert_int_equal(primitive->vertex_count, 4);
    assert_int_equal(primitive->index_count, 6);
    const ModelVertex *corner = &primitive->vertices[primitive->indices[1]]; /* vertex 1 of the file */
    assert_true(corner->position[0] == 2 && corner->normal[2] == 1);
    assert_true(corner->uv[0] == 2.5f && corner->uv[1] == 0);
    /* +U is +X; V grows with Y here, so normal × tangent is along +V. */
    assert_true(fabsf(corner->tangent[0] - 1) < 1e-6f && corner->tangent[3] == 1);
    assert_int_equal(primitive->vertices[primitive->indices[0]].color[1], 128);
    assert_int_equal(primitive->vertices[primitive->indices[0]].color[3], 255);

    const ModelMaterial *material = &model.materials[0];
    assert_int_equal(model.image_count, 2); /* as colour and as data */
    assert_true(model.images[material->base_color_image].srgb);
    assert_false(model.images[material->normal_image].srgb);
    assert_false(model.images[material->base_color_image].repeat);
    const ModelImage *image = &model.images[material->base_color_image];
    assert_int_equal(image->width, 2);
    assert_int_equal(image->height, 1);
    static const uint8_t pixels[] = { 255, 0, 0, 255, 0, 0, 255, 255 };
    assert_memory_equal(image->pixels, pixels, sizeof pixels);
    assert_true(material->emissive[0] == 4 && material->emissive[1] == 2 && material->emissive[2] == 0);
    assert_true(material->metallic == 0.25f && material->roughness == 1 && material->normal_scale == 0.5f);
    assert_int_equal(material->alpha, MODEL_MASK);
    assert_true(material->double_sided && !material->unlit);
    assert_string_equal(material->name, "m");
    arena_finish(&arena);
}

static void test_images_refused(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
        Status status;
        const char *says;
    } cases[] = {
        /* The same PNG claiming 16384 × 8192 pixels. */
        { "UgAAAAIAAAABCAIAAAB7QOjd", "UgAAQAAAACAACAIAAACtHMs2", STATUS_OUT_OF_RANGE, "/images/0" },
        { "iVBORw0KGgo", "AAAAAAAAAAA", STATUS_MALFORMED, "PNG or JPEG" },
        { "R4nGP4zw", "R4//////", STATUS_MALFORMED, "cannot be decoded" },
        { "\"source\":0", "\"source\":1", STATUS_OUT_OF_RANGE, "/textures/0/source" },
        { "\"index\":0", "\"index\":-1", STATUS_OUT_OF_RANGE, "index" },
        { "\"index\":0", "\"idx\":0", STATUS_MALFORMED, "no \"index\"" },
        { "\"scale\":0.5", "\"scale\":\"no number\"", STATUS_MALFORMED, "/materials/0/normalTexture/scale" },
        { "{\"scale\":[2,1],\"offset\":[0.5,0]}", "\"not an object\"", STATUS_MALFORMED,
          "KHR_texture_transform" },
        { "\"MASK\"", "\"MUSK\"", STATUS_MALFORMED, "alphaMode" },
    };
    static const TexturedData data;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        static Glb glb;
        char json[8192];
        Arena arena;
        Model model = { 0 };
        arena_init(&arena, 1 << 20);
        glb_build(&glb, glb_replace(textured, cases[i].from, cases[i].to, json, sizeof json), &data,
                  sizeof data);
        Status status = load_bytes("t.glb", bytes_of(glb.data, glb.size), &arena, &model);
        if (status != cases[i].status || !strstr(diag.text, cases[i].says)) {
            print_error("%s: %s, \"%s\"\n", cases[i].to, status_name(status), diag.text);
            fail();
        }
        arena_finish(&arena);
    }
}

/* Nodes in the default scene, triangles drawn and bounds (of skinned ones in their rest pose), computed from
 * the files by a Python script that shares nothing with the reader. */
typedef struct RealFile {
    const char *path;
    uint32_t nodes, triangles, animations;
    float low[3], high[3];
} RealFile;

static const RealFile real_files[] = {
    { "gltf/2CylinderEngine.glb",
      82,
      121496,
      0,
      { -373.2935f, -188.2828f, -140.0f },
      { 371.6922f, 115.2585f, 135.2584f } },
    { "gltf/Box.glb", 2, 12, 0, { -0.5f, -0.5f, -0.5f }, { 0.5f, 0.5f, 0.5f } },
    { "gltf/CesiumMan.glb", 21, 4672, 1, { -0.5691f, 0, -0.131f }, { 0.5691f, 1.5066f, 0.181f } },
    { "gltf/Duck.glb", 2, 4212, 0, { -2.079f, 0.2979f, -1.8398f }, { 2.8854f, 4.9191f, 1.6178f } },
    { "gltf/Fox.glb", 26, 576, 3, { -12.5927f, -0.1217f, -88.095f }, { 12.5927f, 78.9072f, 66.6249f } },
    { "gltf/RiggedSimple.glb", 6, 892, 1, { -1, -0.033f, -1 }, { 1, 9.5177f, 1 } },
    { "gltf/SimpleSkin.gltf", 3, 8, 1, { -0.5f, 0, 0 }, { 0.5f, 2, 0 } },
    { "gltf/spawn_point.gltf", 2, 12, 0, { -2.5f, -0.375f, -2.5f }, { 2.5f, -0.125f, 2.5f } },
    { "gltf/factory/AutoLeveler_01.glb",
      4,
      7194,
      0,
      { -1.8848f, -0.2998f, -0.3886f },
      { 1.8848f, 5.0162f, 2.45f } },
    { "gltf/factory/BladeStop.glb", 8, 1388, 0, { 0, -0.6606f, -1.2f }, { 0.4f, 0.2494f, 1.2f } },
    { "gltf/factory/ChainTransfer.glb",
      11,
      1928,
      0,
      { -1.1106f, -0.3564f, -0.1248f },
      { 1.1106f, 0.0058f, 0.1248f } },
    { "gltf/factory/ConveyorRollerCorner.glb", 1, 1920, 0, { -2.555f, -0.25f, 0 }, { 0, 0.2603f, 2.555f } },
    { "gltf/factory/ConveyorRollerEnd.glb", 1, 488, 0, { 0, -0.25f, -1.055f }, { 0.25f, 0.2603f, 1.055f } },
    { "gltf/factory/ConveyorRollerRoller.glb",
      1,
      788,
      0,
      { -0.1182f, -0.12f, -1.0684f },
      { 0.1182f, 0.12f, 1.0684f } },
    { "gltf/factory/DiffuseSensor.glb", 5, 6352, 0, { -0.13f, -0.212f, 0 }, { 0.13f, 0.708f, 0.42f } },
    { "gltf/factory/Fan_A.glb", 1, 4637, 0, { -0.807f, -0.246f, -0.807f }, { 0.807f, 2.8747f, 0.807f } },
    { "gltf/factory/LaserSensor.glb", 11, 5568, 0, { -0.21f, -0.35f, -0.5425f }, { 0.21f, 0.2386f, 0.002f } },
    { "gltf/factory/Light_A.glb",
      1,
      4312,
      0,
      { -0.1483f, -0.1677f, -1.3082f },
      { 0.1483f, 3.6288f, 1.3082f } },
    { "gltf/factory/PushButton.glb",
      7,
      1576,
      0,
      { -0.2411f, -0.2124f, -0.0073f },
      { 0.2411f, 0.2124f, 0.2918f } },
    { "cookiefactory/CookieFactoryMixer.glb",
      8,
      22083,
      0,
      { -1.038f, 0.0197f, -0.8677f },
      { 1.379f, 2.023f, 0.6908f } },
    { "cookiefactory/CookieFactoryWaterTank.glb",
      26,
      1275,
      0,
      { -1.0139f, -0.0037f, -0.3018f },
      { 0.3614f, 0.5199f, 0.7201f } },
};

static AssetSource data_source(void)
{
    static const DiskFolders folders = { .folders = { DTMV_DATA_DIR } };
    return asset_source_folders(&folders);
}

static bool data_absent(void)
{
    Arena arena;
    Bytes bytes;
    arena_init(&arena, 0);
    Status status = asset_read(data_source(), "gltf/Box.glb", 1 << 20, &arena, &bytes, NULL);
    arena_finish(&arena);
    if (status != STATUS_OK) {
        print_message("no real files in %s: skipped\n", DTMV_DATA_DIR);
    }
    return status != STATUS_OK;
}

static bool near_bounds(const RealFile *file, const Model *model)
{
    float tolerance = 0.001f * (file->high[1] - file->low[1] + 0.1f);
    for (int axis = 0; axis < 3; axis++) {
        if (fabsf(model->bounds_min[axis] - file->low[axis]) > tolerance ||
            fabsf(model->bounds_max[axis] - file->high[axis]) > tolerance) {
            return false;
        }
    }
    return true;
}

static void test_real_files(void **state)
{
    (void)state;
    if (data_absent()) {
        skip();
    }
    for (size_t i = 0; i < ARRAY_COUNT(real_files); i++) {
        const RealFile *file = &real_files[i];
        Arena arena;
        Model model = { 0 };
        arena_init(&arena, 0);
        Status status = gltf_load(data_source(), file->path, &arena, &model, &diag);
        if (status != STATUS_OK || model.node_count != file->nodes ||
            model.triangle_count != file->triangles || model.animation_count != file->animations ||
            !near_bounds(file, &model)) {
            print_error("%s: %s %s: %u nodes, %u triangles, %g..%g\n", file->path, status_name(status),
                        diag.text, model.node_count, model.triangle_count, (double)model.bounds_min[1],
                        (double)model.bounds_max[1]);
            fail();
        }
        arena_finish(&arena);
    }
}

static void test_real_files_refused(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        Status status;
        const char *says;
    } cases[] = {
        { "gltf/transform_BoxDraco.gltf", STATUS_UNSUPPORTED,
          "needs extension KHR_draco_mesh_compression, which" },
        { "gltf/transform_BoxMeshopt.glb", STATUS_UNSUPPORTED,
          "needs extension EXT_meshopt_compression, which" },
        { "gltf/invalid/BoxWithInfinites.glb", STATUS_OUT_OF_RANGE, "not finite" },
        { "gltf/invalid/badArray.gltf", STATUS_MALFORMED, "/meshes/0/primitives" },
        { "gltf/invalid/badExtension.gltf", STATUS_MALFORMED, "KHR_texture_transform" },
        { "gltf/invalid/badNumber.gltf", STATUS_MALFORMED, "/materials/0/normalTexture" },
        { "gltf/invalid/badObject.gltf", STATUS_MALFORMED, "/materials/0/pbrMetallicRoughness" },
        { "gltf/invalid/badString.gltf", STATUS_MALFORMED, "/scenes/0/name" },
        { "gltf/invalid/badUint.gltf", STATUS_OUT_OF_RANGE, "/materials/0/pbrMetallicRoughness" },
        { "gltf/invalid/nothing.gltf", STATUS_NOT_FOUND, "" },
    };
    if (data_absent()) {
        skip();
    }
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        Arena arena;
        Model model = { 0 };
        arena_init(&arena, 0);
        Status status = gltf_load(data_source(), cases[i].path, &arena, &model, &diag);
        if (status != cases[i].status || !strstr(diag.text, cases[i].says)) {
            print_error("%s: %s, \"%s\"\n", cases[i].path, status_name(status), diag.text);
            fail();
        }
        arena_finish(&arena);
    }
}

/* Every model that ships with the program. */
static void test_shipped_models(void **state)
{
    (void)state;
    static const DiskFolders folders = { .folders = { DTMV_SOURCE_DIR } };
    glob_t found;
    assert_int_equal(glob(DTMV_SOURCE_DIR "/assets/models/*.glb", 0, NULL, &found), 0);
    glob(DTMV_SOURCE_DIR "/assets/worlds/*/models/*.gl*", GLOB_APPEND, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        Arena arena;
        Model model = { 0 };
        arena_init(&arena, 0);
        const char *name = found.gl_pathv[i] + strlen(DTMV_SOURCE_DIR) + 1;
        if (gltf_load(asset_source_folders(&folders), name, &arena, &model, &diag) != STATUS_OK ||
            model.triangle_count == 0) {
            fail_msg("%s: %s", name, diag.text);
        }
        arena_finish(&arena);
    }
    globfree(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_square),
        cmocka_unit_test(test_variants_load),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_hostile_data),
        cmocka_unit_test(test_containers),
        cmocka_unit_test(test_textured_and_quantised),
        cmocka_unit_test(test_images_refused),
        cmocka_unit_test(test_real_files),
        cmocka_unit_test(test_real_files_refused),
        cmocka_unit_test(test_shipped_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
