// How much of the sky near surfaces hide from a pixel, at half resolution: where things meet and in corners.
#if SAMPLES > 1
layout(binding = 0) uniform sampler2DMS depths;
#else
layout(binding = 0) uniform sampler2D depths;
#endif
layout(location = 0) uniform ivec2 size; // of the depths
layout(location = 0) out vec2 out_open;  // open part of the sky, distance in metres

const float RADIUS = 0.9; // metres within which things hide the sky
const int TAPS = 8;

// View space with z along the view; z is 0 for the sky.
vec3 view_at(ivec2 at)
{
    at = clamp(at, ivec2(0), size - 1);
    float depth = texelFetch(depths, at, 0).r;
    float near = frame.lens.z;
    float far = frame.lens.w;
    float z = depth < 1.0 ? 2.0 * near * far / (far + near - (2.0 * depth - 1.0) * (far - near)) : 0.0;
    vec2 screen = (vec2(at) + 0.5) / vec2(size) * 2.0 - 1.0;
    return vec3(screen * frame.lens.xy * z, z);
}

vec3 nearer(vec3 a, vec3 b)
{
    return abs(a.z) < abs(b.z) ? a : b;
}

void main()
{
    ivec2 at = ivec2(gl_FragCoord.xy) * 2;
    vec3 point = view_at(at);
    float reach = RADIUS * float(size.y) * 0.5 / max(frame.lens.y * point.z, 1e-4); // pixels
    if (point.z <= 0.0 || reach < 2.0) {
        out_open = vec2(1.0, point.z);
        return;
    }
    reach = min(reach, 96.0);
    vec3 across = nearer(view_at(at + ivec2(2, 0)) - point, point - view_at(at - ivec2(2, 0)));
    vec3 upward = nearer(view_at(at + ivec2(0, 2)) - point, point - view_at(at - ivec2(0, 2)));
    vec3 normal = normalize(cross(upward, across));
    float turn = fract(52.9829189 * fract(dot(gl_FragCoord.xy, vec2(0.06711056, 0.00583715))));
    float hidden = 0.0;
    for (int i = 0; i < TAPS; i++) {
        float angle = (float(i) + turn) * 2.3999632;
        float radius = (float(i) + 0.3 + 0.7 * turn) / float(TAPS) * reach;
        vec3 other = view_at(at + ivec2(vec2(cos(angle), sin(angle)) * radius));
        vec3 toward = other - point;
        float squared = dot(toward, toward);
        float rise = dot(toward, normal) - 0.004 * point.z;
        float weight = max(1.0 - squared / (RADIUS * RADIUS), 0.0);
        if (other.z > 0.0) {
            hidden += weight * max(rise, 0.0) * inversesqrt(squared + 1e-4);
        }
    }
    float fade = clamp(reach * 0.125 - 0.25, 0.0, 1.0); // small on the screen: not worth its noise
    out_open = vec2(1.0 / (1.0 + hidden * (4.5 / float(TAPS)) * fade), point.z);
}
