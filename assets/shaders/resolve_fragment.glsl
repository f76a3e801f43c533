// Resolves the samples, maps scene light to display values and dithers.
#if SAMPLES > 1
layout(binding = 0) uniform sampler2DMS scene;
#else
layout(binding = 0) uniform sampler2D scene;
#endif
#ifdef OCCLUSION
layout(binding = 1) uniform sampler2D occlusion;
layout(location = 0) uniform vec2 pixel; // 1 / size
#endif
layout(location = 0) out vec4 out_color;

// Colours carry meaning here (a temperature, a state), so hues stay true: the largest channel goes through a curve
// that is straight up to KNEE and then bends towards 1, the others follow in proportion, and only what is far
// brighter than white fades to white, as on film.
vec3 tone_map(vec3 color)
{
    const float KNEE = 0.55;
    float peak = max(color.r, max(color.g, color.b));
    if (peak > KNEE) {
        float over = (peak - KNEE) / (1.0 - KNEE);
        float mapped = KNEE + (1.0 - KNEE) * over / (1.0 + over);
        float fade = 1.0 - 1.0 / (1.0 + 0.12 * (peak - mapped));
        color = mix(color * (mapped / peak), vec3(mapped), fade);
    }
    return clamp(color, 0.0, 1.0);
}

vec3 to_srgb(vec3 c)
{
    return mix(c * 12.92, 1.055 * pow(c, vec3(1.0 / 2.4)) - 0.055, greaterThan(c, vec3(0.0031308)));
}

void main()
{
    ivec2 at = ivec2(gl_FragCoord.xy);
#if SAMPLES > 1
    // Bright samples count less, as they would after tone mapping: edges against the sky stay smooth.
    vec3 sum = vec3(0.0);
    float weights = 0.0;
    for (int i = 0; i < SAMPLES; i++) {
        vec3 c = texelFetch(scene, at, i).rgb;
        float weight = 1.0 / (1.0 + max(c.r, max(c.g, c.b)));
        sum += c * weight;
        weights += weight;
    }
    vec3 color = sum / weights;
#else
    vec3 color = texelFetch(scene, at, 0).rgb;
#endif
#ifdef OCCLUSION
    color *= texture(occlusion, gl_FragCoord.xy * pixel).r;
#endif
    color = to_srgb(tone_map(color * (1.12 * frame.sun_direction.w)));
    color = mix(color, color * color * (3.0 - 2.0 * color), 0.18); // a little more contrast
    // Half a display step of fixed interleaved noise against bands in the sky.
    float noise = fract(52.9829189 * fract(dot(gl_FragCoord.xy, vec2(0.06711056, 0.00583715))));
    out_color = vec4(color + (noise - 0.5) / 255.0, 1.0);
}
