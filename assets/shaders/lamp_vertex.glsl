// A small sphere for each lamp, or with HALO a quad that faces the camera.
struct Lamp {
    vec4 place; // xyz, radius
    vec4 light; // linear colour, strength
};
layout(std430, binding = 0) readonly buffer Lamps {
    Lamp lamps[];
};

layout(location = 0) out vec3 normal;
layout(location = 1) out vec3 position;
layout(location = 2) flat out vec4 light;

const float HALO_SIZE = 7.0;

void main()
{
    Lamp lamp = lamps[gl_InstanceID];
    light = lamp.light;
#ifdef HALO
    vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 2.0 - 1.0;
    normal = vec3(corner, 0.0);
    vec3 toward = normalize(frame.eye.xyz - lamp.place.xyz);
    position = lamp.place.xyz + (frame.camera_right.xyz * corner.x + frame.camera_up.xyz * corner.y) *
                                    (lamp.place.w * HALO_SIZE) + toward * lamp.place.w;
#else
    // Ring and segment of the vertex from its number: 16 segments, 8 rings, two triangles a cell.
    int cell = gl_VertexID / 6;
    int corner = gl_VertexID % 6;
    ivec2 move = ivec2(corner == 1 || corner == 2 || corner == 4, corner == 2 || corner == 4 || corner == 5);
    vec2 at = vec2(cell % 16 + move.x, cell / 16 + move.y) * vec2(2.0 * PI / 16.0, PI / 8.0);
    normal = vec3(cos(at.x) * sin(at.y), cos(at.y), sin(at.x) * sin(at.y));
    position = lamp.place.xyz + normal * lamp.place.w;
#endif
    gl_Position = frame.view_projection * vec4(position, 1.0);
}
