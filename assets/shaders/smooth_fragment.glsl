// Smooths the occlusion's noise without crossing edges in depth.
layout(binding = 0) uniform sampler2D occlusion;
layout(location = 0) out vec2 out_open;

void main()
{
    ivec2 at = ivec2(gl_FragCoord.xy);
    ivec2 last = textureSize(occlusion, 0) - 1;
    vec2 centre = texelFetch(occlusion, at, 0).rg;
    if (centre.g <= 0.0) {
        out_open = vec2(1.0, 0.0);
        return;
    }
    float sum = 0.0;
    float weights = 0.0;
    float sharpness = 8.0 / centre.g;
    for (int y = -1; y <= 2; y++) {
        for (int x = -1; x <= 2; x++) {
            vec2 other = texelFetch(occlusion, clamp(at + ivec2(x, y), ivec2(0), last), 0).rg;
            float weight = max(1.0 - abs(other.g - centre.g) * sharpness, 0.0) + 1e-3;
            sum += other.r * weight;
            weights += weight;
        }
    }
    out_open = vec2(sum / weights, centre.g);
}
