/* scene_label.c - the words on the cards: values as they are, how old they are, and alarms. */
#include "client/scene/scene_state.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <strings.h>

#define NO_VALUE "\xe2\x80\x93" /* en dash */

void color_to_srgb(const float linear[3], float out_srgb[3])
{
    for (int i = 0; i < 3; i++) { /* IEC 61966-2-1 */
        float value = fminf(fmaxf(linear[i], 0), 1);
        out_srgb[i] = value <= 0.0031308f ? 12.92f * value : 1.055f * powf(value, 1 / 2.4f) - 0.055f;
    }
}

/* Units as Thing Descriptions write them, and as people do. */
const char *scene_unit(const char *unit)
{
    static const char *const units[][2] = {
        { "degC", "\xc2\xb0"
                  "C" },
        { "degF", "\xc2\xb0"
                  "F" },
        { "deg", "\xc2\xb0" },
        { "m2", "m\xc2\xb2" },
        { "m3", "m\xc2\xb3" },
        { "m3/h", "m\xc2\xb3/h" },
        { "m3/s", "m\xc2\xb3/s" },
        { "1", "" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(units); i++) {
        if (strcmp(unit, units[i][0]) == 0) {
            return units[i][1];
        }
    }
    return unit;
}

/* Cuts a text that did not fit so that no character is left in halves. */
static void end_on_character(char *text, size_t size)
{
    size_t length = strlen(text);
    if (length + 1 < size) {
        return;
    }
    size_t start = length;
    while (start > 0 && ((uint8_t)text[start - 1] & 0xC0) == 0x80) {
        start--;
    }
    if (start > 0 && ((uint8_t)text[start - 1] & 0xC0) == 0xC0) {
        text[start - 1] = '\0';
    }
}

/* Tenths of seconds up to a minute, then whole seconds: how often the text changes. */
static int64_t age_step(TimeNs age)
{
    int64_t tenths = age / (TIME_SECOND / 10);
    return tenths < 600 ? tenths : tenths / 10 * 10;
}

static void write_age(int64_t tenths, char *out, size_t size)
{
    int64_t seconds = tenths / 10;
    if (seconds < 60) {
        snprintf(out, size, "%" PRId64 ".%d s", seconds, (int)(tenths % 10));
    } else if (seconds < 3600) {
        snprintf(out, size, "%" PRId64 " min %02d s", seconds / 60, (int)(seconds % 60));
    } else if (seconds < 48 * 3600) {
        snprintf(out, size, "%" PRId64 " h %02d min", seconds / 3600, (int)(seconds / 60 % 60));
    } else {
        snprintf(out, size, "%" PRId64 " d", seconds / 86400);
    }
}

static void show_age(LineText *text, const Reported *reported, TimeNs now)
{
    if (reported->quality == QUALITY_NONE || reported->source_time == TIME_NONE || now == TIME_NONE) {
        text->age_shown = -1;
        text->age[0] = '\0';
        return;
    }
    /* As unsigned: hostile times may be further apart than a TimeNs holds. A value from the future is 0 old.
     */
    uint64_t apart = now > reported->source_time ? (uint64_t)now - (uint64_t)reported->source_time : 0;
    int64_t step = age_step(apart > INT64_MAX ? INT64_MAX : (TimeNs)apart);
    if (step != text->age_shown || text->age[0] == '\0') {
        text->age_shown = step;
        write_age(step, text->age, sizeof text->age);
    }
}

static void show_line(Scene *scene, const BoundState *bound, const SceneInput *input)
{
    LineText *text = &scene->texts[bound->slot];
    UiLabelLine *line = &scene->lines[bound->slot];
    const Property *property = bound->property;
    line->name = bound->binding->caption ? bound->binding->caption : property->title;
    line->unit = bound->reported.quality == QUALITY_NONE ? "" : scene_unit(property->unit);
    line->quality = bound->reported.quality;
    line->value = text->value;
    line->age = text->age;
    if (bound->reported.quality == QUALITY_NONE) {
        snprintf(text->value, sizeof text->value, "%s", NO_VALUE);
    } else {
        property_format(property, bound->reported.code, input->texts, text->value, sizeof text->value);
        end_on_character(text->value, sizeof text->value);
    }
}

/* Whether `name` says that all is well, or that there is nothing to say. */
static bool is_calm_name(const char *name)
{
    static const char *const names[] = { "NORMAL", "OK", "NONE", "OFF", "CLEARED", "INACTIVE" };
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (strcasecmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* The alarm that a beacon's value is, in words, or NULL. Only states are alarms: a lamp driven by a number is
 * just a lamp. Of an enum without a name that says "normal", the first is. */
static const char *alarm_text(const BoundState *bound, const TextTable *texts)
{
    const Property *property = bound->property;
    Quality quality = (Quality)bound->reported.quality;
    if (quality != QUALITY_GOOD && quality != QUALITY_STALE) {
        return NULL;
    }
    if (property->encoding == CHANNEL_BOOLEAN) {
        return bound->reported.code ? "ALARM" : NULL;
    }
    if (property->encoding == CHANNEL_TEXT) {
        const char *text = property_decode(property, bound->reported.code, texts).text;
        return text[0] == '\0' || strcmp(text, "?") == 0 || is_calm_name(text) ? NULL : text;
    }
    if (property->encoding != CHANNEL_ENUM || bound->reported.code < 0 ||
        bound->reported.code >= (int64_t)property->enum_count) {
        return NULL;
    }
    bool named = false;
    for (uint32_t i = 0; i < property->enum_count; i++) {
        named = named || is_calm_name(property->enum_names[i]);
    }
    const char *name = property->enum_names[bound->reported.code];
    return is_calm_name(name) || (!named && bound->reported.code == 0) ? NULL : name;
}

static bool same_property(const BoundState *a, const BoundState *b)
{
    return a->property == b->property;
}

/* The line of a value that colours the object carries that colour. */
static void color_lines(Scene *scene, const ObjectState *object, const BoundState *source)
{
    float srgb[3];
    color_to_srgb(source->target.out, srgb);
    for (uint32_t i = 0; i < object->bound_count; i++) {
        const BoundState *bound = &object->bound[i];
        if (bound->binding->kind == BINDING_LABEL && same_property(bound, source)) {
            memcpy(scene->lines[bound->slot].color, srgb, sizeof srgb);
        }
    }
}

static void show_alarm(Scene *scene, ObjectState *object, SceneLabel *label, const TextTable *texts)
{
    const char *badge = NULL;
    bool blink = false;
    float accent[3] = { 0 };
    for (uint32_t i = 0; i < object->bound_count; i++) {
        const BoundState *bound = &object->bound[i];
        bool known = bound->reported.quality == QUALITY_GOOD || bound->reported.quality == QUALITY_STALE;
        if (bound->binding->kind == BINDING_COLOR && known) {
            color_lines(scene, object, bound);
            if (!badge) {
                color_to_srgb(bound->target.out, accent);
            }
        } else if (bound->binding->kind == BINDING_BEACON) {
            const char *text = alarm_text(bound, texts);
            if (text && (!badge || (bound->target.blink && !blink))) {
                badge = text;
                color_to_srgb(bound->target.out, accent);
            }
            blink = blink || (text && bound->target.blink);
        }
    }
    object->alarm = badge != NULL;
    if (label) {
        label->badge = badge;
        label->blink = blink;
        memcpy(label->accent, accent, sizeof accent);
    }
}

static void rewrite(Scene *scene, ObjectState *object, const SceneInput *input)
{
    SceneLabel *label = object->label == MODEL_NONE ? NULL : &scene->labels[object->label];
    for (uint32_t i = 0; i < object->bound_count; i++) {
        const BoundState *bound = &object->bound[i];
        if (bound->binding->kind == BINDING_LABEL) {
            memset(scene->lines[bound->slot].color, 0, sizeof scene->lines[bound->slot].color);
            show_line(scene, bound, input);
        }
    }
    show_alarm(scene, object, label, input->texts);
    if (label) {
        label->quality = (uint8_t)object->quality;
    }
    object->reworded = false;
}

void label_show(Scene *scene, ObjectState *object, const SceneInput *input)
{
    if (object->reworded) {
        rewrite(scene, object, input);
    }
    for (uint32_t i = 0; i < object->bound_count && object->label != MODEL_NONE; i++) {
        if (object->bound[i].binding->kind == BINDING_LABEL) {
            show_age(&scene->texts[object->bound[i].slot], &object->bound[i].reported, input->source_time);
        }
    }
    scene->alarms += object->alarm;
}
