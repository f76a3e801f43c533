// Resolves the samples, maps scene light to display values and dithers.
#if SAMPLES > 1
layout(binding = 0) uniform sampler2DMS scene;
#else
layout(binding = 0) uniform sampler2D scene;
#endif
layout(location = 0) out vec4 out_color;

// Film-like curve (Hill's fit of the ACES reference transform, matrices for linear sRGB in and out).
vec3 tone_map(vec3 color)
{
    const mat3 into = mat3(0.59719, 0.07600, 0.02840, 0.35458, 0.90834, 0.13383, 0.04823, 0.01566, 0.83777);
    const mat3 back = mat3(1.60475, -0.10208, -0.00327, -0.53108, 1.10813, -0.07276, -0.07367, -0.00605, 1.07602);
    vec3 c = into * color;
    c = (c * (c + 0.0245786) - 0.000090537) / (c * (0.983729 * c + 0.4329510) + 0.238081);
    return clamp(back * c, 0.0, 1.0);
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
    color = to_srgb(tone_map(color * frame.sun_direction.w));
    // Half a display step of fixed interleaved noise against bands in the sky.
    float noise = fract(52.9829189 * fract(dot(gl_FragCoord.xy, vec2(0.06711056, 0.00583715))));
    out_color = vec4(color + (noise - 0.5) / 255.0, 1.0);
}
