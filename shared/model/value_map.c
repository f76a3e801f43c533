/* value_map.c - from a reported value to a number or a colour; declared in world.h. */
#include <math.h>
#include <string.h>

#include "shared/model/world.h"

static MapResult apply_stops(const ValueMap *map, double number)
{
    MapResult result = { 0 };
    const MapStop *stops = map->stops;
    uint32_t above = 0; /* first stop above the number */
    while (above < map->stop_count && stops[above].in <= number) {
        above++;
    }
    if (above == 0 || above == map->stop_count || map->stepped) {
        memcpy(result.out, stops[above > 0 ? above - 1 : 0].out, sizeof result.out);
        return result;
    }
    const MapStop *low = &stops[above - 1], *high = &stops[above];
    /* Halved, so that the distance of far stops does not overflow. */
    float part = (float)((number / 2 - low->in / 2) / (high->in / 2 - low->in / 2));
    for (int i = 0; i < 4; i++) {
        result.out[i] = low->out[i] + (high->out[i] - low->out[i]) * part;
    }
    return result;
}

static const MapCase *find_case(const ValueMap *map, const Property *property, int64_t code,
                                const TextTable *texts)
{
    if (property->encoding == CHANNEL_BOOLEAN) {
        code = code != 0;
    }
    for (uint32_t i = 0; i < map->case_count; i++) {
        bool equal = property->encoding == CHANNEL_TEXT
                         ? strcmp(map->cases[i].in, property_decode(property, code, texts).text) == 0
                         : map->cases[i].code == code;
        if (equal) {
            return &map->cases[i];
        }
    }
    return NULL;
}

MapResult value_map_apply(const ValueMap *map, const Property *property, const Reported *reported,
                          const TextTable *texts)
{
    MapResult result = { 0 };
    memcpy(result.out, map->otherwise, sizeof result.out);
    if (reported->quality != QUALITY_GOOD && reported->quality != QUALITY_STALE) {
        return result;
    }
    if (map->case_count > 0) {
        const MapCase *match = find_case(map, property, reported->code, texts);
        if (match) {
            memcpy(result.out, match->out, sizeof result.out);
            result.blink = match->blink;
        }
        return result;
    }
    Value value = property_decode(property, reported->code, texts);
    double number = value.type == VALUE_BOOLEAN ? value.boolean : value.number;
    if (value.type == VALUE_TEXT || !isfinite(number)) {
        return result;
    }
    if (map->stop_count > 0) {
        return apply_stops(map, number);
    }
    result = (MapResult){ 0 };
    result.out[0] = (float)fmax(-1e30, fmin(1e30, number)); /* stays finite as a float */
    return result;
}
