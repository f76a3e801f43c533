#include "client/scene/gltf_document.h"

enum { FLOAT = 5126 };

static bool parse_path(const char *text, ModelPath *out_path)
{
    static const char *const names[] = { "translation", "rotation", "scale" };
    for (size_t i = 0; text && i < ARRAY_COUNT(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *out_path = (ModelPath)i;
            return true;
        }
    }
    return false;
}

static ModelInterpolation read_interpolation(Document *doc, const Field *sampler)
{
    static const char *const names[] = { "LINEAR", "STEP", "CUBICSPLINE" };
    Field field = field_get(doc, sampler, "interpolation", JSON_STRING);
    for (size_t i = 0; field.json && i < ARRAY_COUNT(names); i++) {
        if (strcmp(json_string_value(field.json), names[i]) == 0) {
            return (ModelInterpolation)i;
        }
    }
    if (field.json) {
        document_fail(doc, STATUS_MALFORMED, &field, "must be LINEAR, STEP or CUBICSPLINE");
    }
    return MODEL_LINEAR;
}

static void read_keys(Document *doc, const Field *sampler, ModelChannel *out)
{
    uint32_t input = field_index(doc, sampler, "input", doc->accessor_count);
    uint32_t output = field_index(doc, sampler, "output", doc->accessor_count);
    out->interpolation = read_interpolation(doc, sampler);
    if (doc->status != STATUS_OK) {
        return;
    }
    if (input == MODEL_NONE || output == MODEL_NONE) {
        document_fail(doc, STATUS_MALFORMED, sampler, "needs \"input\" and \"output\"");
        return;
    }
    const Accessor *times = &doc->accessors[input], *values = &doc->accessors[output];
    uint64_t wanted = (uint64_t)times->count * (out->interpolation == MODEL_CUBIC ? 3 : 1);
    if (times->width != 1 || times->component != FLOAT ||
        values->width != (out->path == MODEL_ROTATION ? 4u : 3u) || values->count != wanted) {
        document_fail(doc, STATUS_MALFORMED, sampler,
                      "input must be float scalars and output one value a key (three for CUBICSPLINE)");
        return;
    }
    out->times = accessor_all_floats(doc, sampler, input);
    out->values = accessor_all_floats(doc, sampler, output);
    out->key_count = times->count;
    for (uint32_t i = 0; doc->status == STATUS_OK && i < out->key_count; i++) {
        if (out->times[i] < (i ? out->times[i - 1] : 0)) {
            document_fail(doc, STATUS_OUT_OF_RANGE, sampler, "key %u goes back in time", i);
        }
    }
}

/* False when the channel drives nothing that is drawn. */
static bool read_channel(Document *doc, const Field *channel, const Field *samplers, ModelChannel *out)
{
    Field target = field_require(doc, channel, "target", JSON_OBJECT);
    uint32_t node = field_index(doc, &target, "node", doc->node_count);
    const char *path = field_text(doc, &target, "path");
    uint32_t sampler_index = field_index(doc, channel, "sampler", (uint32_t)field_count(samplers));
    if (doc->status == STATUS_OK && sampler_index == MODEL_NONE) {
        document_fail(doc, STATUS_MALFORMED, channel, "has no \"sampler\"");
    }
    *out = (ModelChannel){ .node = MODEL_NONE };
    if (doc->status != STATUS_OK || node == MODEL_NONE || !parse_path(path, &out->path)) {
        return false;
    }
    out->node = doc->nodes[node].output;
    if (out->node == MODEL_NONE) {
        return false;
    }
    Field sampler = field_item(doc, samplers, sampler_index, JSON_OBJECT);
    read_keys(doc, &sampler, out);
    return doc->status == STATUS_OK;
}

static void load_animation(Document *doc, const Field *animation, ModelAnimation *out)
{
    Field channels = field_require(doc, animation, "channels", JSON_ARRAY);
    Field samplers = field_require(doc, animation, "samplers", JSON_ARRAY);
    size_t count = field_count(&channels);
    out->name = document_copy_text(doc, field_text(doc, animation, "name"));
    out->channels = document_array(doc, doc->arena, ModelChannel, count);
    for (size_t i = 0; i < count && doc->status == STATUS_OK; i++) {
        Field item = field_item(doc, &channels, i, JSON_OBJECT);
        ModelChannel *channel = &out->channels[out->channel_count];
        if (!read_channel(doc, &item, &samplers, channel)) {
            continue;
        }
        float last = channel->times[channel->key_count - 1];
        out->duration = last > out->duration ? last : out->duration;
        out->channel_count++;
    }
}

void document_load_animations(Document *doc)
{
    uint32_t count = 0;
    Field list = field_list(doc, "animations", 1u << 16, &count);
    doc->model.animations = document_array(doc, doc->arena, ModelAnimation, count);
    for (uint32_t i = 0; i < count && doc->status == STATUS_OK; i++) {
        Field item = field_item(doc, &list, i, JSON_OBJECT);
        load_animation(doc, &item, &doc->model.animations[i]);
    }
    doc->model.animation_count = count;
}
