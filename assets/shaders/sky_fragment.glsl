layout(location = 0) in vec3 ray;
layout(location = 0) out vec4 out_color;

void main()
{
    vec3 direction = normalize(ray);
    vec3 sky = sky_gradient(direction) + sun_glow(direction);
    float c = dot(direction, frame.sun_direction.xyz);
    sky += frame.sun_light.rgb * (12.0 * smoothstep(0.99988, 0.99994, c) * step(0.0, direction.y));
    out_color = vec4(sky, 1.0);
}
