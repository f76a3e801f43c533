// One triangle over the whole screen, at the far plane.
layout(location = 0) out vec3 ray;

void main()
{
    vec2 at = vec2(gl_VertexID == 1 ? 2.0 : 0.0, gl_VertexID == 2 ? 2.0 : 0.0);
    ray = frame.ray_corner.xyz + at.x * frame.ray_x.xyz + at.y * frame.ray_y.xyz;
    gl_Position = vec4(at * 2.0 - 1.0, 1.0, 1.0);
}
