"""The person everyone walks as: rigid, overlapping segments on the fifteen bones that VRM requires, with clips
"idle" and "walk". 1.75 m, feet at the origin, facing -Z, so the right hand is at +X.

Nodes called Shirt… are near white: the client tints them, one colour a person.
"""
import math

from geometry import Shape, box, capsule, cylinder, lathe, loft, move, scale, smooth, sphere, tube, turn_x, turn_y
from gltf_writer import Clip, Material, Mesh, Node, quaternion, quaternion_multiply

CLOTH = Material("Cloth", 0.0, 0.85)
SKIN = Material("Skin", 0.0, 0.55)
GLOSS = Material("Gloss", 0.0, 0.3)
REFLECT = Material("Reflective", 0.35, 0.35)

SKIN_TONE, HAIR, TROUSERS, SLEEVE = "#cf9871", "#3a2618", "#2b3a52", "#39495f"
BOOT, SOLE, BAND, WHITE = "#4a3424", "#1e1e20", "#dfe5e6", "#f2f2ee"

HIP_HEIGHT, LEG = 0.92, 0.42  # hip joint above the ground; thigh and shank
SHOULDER = (0.184, 1.425)


def head_mesh():
    """In the frame of the head bone, at the top of the neck (y = 1.49 standing)."""
    m = Mesh()
    m.add(cylinder(0.052, 0.12, 14), (SKIN, "#bd8763"), move(0, -0.075, 0.008))
    m.add(loft([(-0.012, 0.028, 0.03, 0, -0.045), (0.005, 0.052, 0.062, 0, -0.028), (0.04, 0.072, 0.088, 0, -0.01),
                (0.09, 0.083, 0.1, 0, 0.0), (0.14, 0.085, 0.104, 0, 0.004), (0.185, 0.078, 0.098, 0, 0.008),
                (0.22, 0.055, 0.07, 0, 0.01), (0.238, 0.022, 0.03, 0, 0.01)], 20, True, 2.15), (SKIN, SKIN_TONE))
    for side in (-1, 1):
        m.add(sphere(0.024, 8, 6), (SKIN, "#c78f69"), move(side * 0.086, 0.088, 0.01), scale(0.5, 1.15, 0.8))
        m.add(sphere(0.0175, 9, 6), (GLOSS, "#fbfaf6"), move(side * 0.034, 0.108, -0.0865), scale(1.05, 0.8, 0.55))
        m.add(sphere(0.0098, 8, 5), (GLOSS, "#2a1b12"), move(side * 0.033, 0.107, -0.0935), scale(1, 1.05, 0.5))
        m.add(capsule((side * 0.018, 0.136, -0.0975), (side * 0.052, 0.138, -0.0885), 0.0055, 0.004, 8, 3), (SKIN, HAIR))
    m.add(capsule((0, 0.098, -0.1), (0, 0.07, -0.116), 0.0105, 0.0145, 10, 3), (SKIN, "#c98f6a"))
    smile = [(-0.026, 0.038, -0.0905), (-0.013, 0.0325, -0.098), (0, 0.031, -0.1), (0.013, 0.0325, -0.098), (0.026, 0.038, -0.0905)]
    m.add(tube(smile, 0.0036, 5, 0.01, 1), (SKIN, "#8d4a3c"))
    # Hair: a cap at the back and the sides that the helmet sits on.
    m.add(loft([(0.02, 0.05, 0.03, 0, 0.078), (0.06, 0.078, 0.06, 0, 0.05), (0.11, 0.091, 0.088, 0, 0.026),
                (0.165, 0.0915, 0.098, 0, 0.016), (0.2, 0.08, 0.09, 0, 0.014)], 18), (CLOTH, HAIR))
    return m


def helmet_mesh():
    m = Mesh()
    dome = [(0.118, 0.0), (0.121, 0.012), (0.118, 0.045), (0.103, 0.083), (0.075, 0.112), (0.038, 0.127), (0.0, 0.131)]
    m.add(lathe(dome, 24, 60), (GLOSS, WHITE), move(0, 0.148, 0.006), scale(0.9, 1.0, 1.06))
    m.add(lathe([(0.1, -0.004), (0.133, -0.008), (0.135, -0.002), (0.118, 0.006)], 24, 60), (GLOSS, WHITE),
          move(0, 0.148, 0.004), scale(0.88, 1.0, 1.04))
    m.add(loft([(0.0, 0.082, 0.052, 0, -0.115), (0.008, 0.078, 0.048, 0, -0.112)], 18), (GLOSS, WHITE),
          move(0, 0.136, 0), turn_x(-7))
    m.add(lathe([(0.108, -0.03), (0.11, 0.0)], 24), (CLOTH, "#2a2d31"), move(0, 0.152, 0.006), scale(0.9, 1, 1.06))
    return m


def stripe_mesh():
    m = Mesh()
    points = []
    for i in range(9):
        a = math.radians(-70 + 140 * i / 8)
        points.append((0, 0.142 + 0.131 * math.cos(a), 0.006 + 0.121 * math.sin(a)))
    m.add(tube(points, 0.012, 8, 0.02, 1), (GLOSS, WHITE), scale(1.9, 1, 1))
    return m


def torso():
    """Rings of the body in the frame of the spine bone (y = 1.05 standing)."""
    return [(-0.06, 0.142, 0.096, 0, 0.002), (0.0, 0.14, 0.093, 0, 0.0), (0.08, 0.146, 0.096, 0, -0.002),
            (0.17, 0.163, 0.106, 0, -0.003), (0.26, 0.178, 0.111, 0, 0.0), (0.33, 0.18, 0.102, 0, 0.004),
            (0.385, 0.156, 0.084, 0, 0.008), (0.42, 0.105, 0.066, 0, 0.01), (0.445, 0.062, 0.055, 0, 0.01)]


def vest_rings():
    rings = [(y - 0.012, rx + 0.013, rz + 0.013, cx, cz) for (y, rx, rz, cx, cz) in torso()[:6]]
    return rings + [(0.372, 0.163, 0.098, 0, 0.007), (0.402, 0.132, 0.084, 0, 0.009), (0.418, 0.09, 0.072, 0, 0.01)]


VEST_POWER = 2.5


def vest_ring(y, extra=0.0):
    """The vest's ring at height y, `extra` metres outside it."""
    rings = vest_rings()
    for a, b in zip(rings, rings[1:]):
        if y <= b[0]:
            t = (y - a[0]) / (b[0] - a[0])
            mid = [a[i] + (b[i] - a[i]) * t for i in range(5)]
            return (y, mid[1] + extra, mid[2] + extra, mid[3], mid[4])
    return rings[-1]


def vest_point(x, y, side, extra):
    """The point of the vest at x and y, on the front (side -1) or the back (1)."""
    ring = vest_ring(y, extra)
    k = max(0.0, 1 - abs(x / ring[1]) ** VEST_POWER) ** (1 / VEST_POWER)
    return (x, y, ring[4] + side * ring[2] * k)


def strip(x0, x1, heights, side, extra=0.004):
    """A band that lies on the vest, from heights[0] up to heights[-1]."""
    s = Shape()
    for y in heights:
        for x in ((x1, x0) if side < 0 else (x0, x1)):
            s.points.append(vest_point(x, y, side, extra))
    for i in range(len(heights) - 1):
        s.triangles += [(2 * i, 2 * i + 1, 2 * i + 3), (2 * i, 2 * i + 3, 2 * i + 2)]
    return smooth(s)


def vest_mesh():
    return Mesh().add(loft(vest_rings(), 22, True, VEST_POWER), (CLOTH, "#f4f4f0"))


def bands_mesh():
    """Reflective bands on the vest, a zip and a badge."""
    m = Mesh()
    for y in (0.06, 0.165):
        m.add(loft([vest_ring(y, 0.001), vest_ring(y + 0.003, 0.0045), vest_ring(y + 0.042, 0.0045), vest_ring(y + 0.045, 0.001)],
                   22, False, VEST_POWER), (REFLECT, BAND))
    up = [0.209 + 0.0225 * i for i in range(9)]
    for x in (-0.085, 0.085):
        for side in (-1, 1):
            m.add(strip(x - 0.02, x + 0.02, up, side), (REFLECT, BAND))
    m.add(strip(-0.005, 0.005, [-0.06 + 0.0455 * i for i in range(11)], -1, 0.0055), (CLOTH, "#4a4d52"))
    x, y, z = vest_point(0.06, 0.245, -1, 0.004)
    m.add(box(0.05, 0.034, 0.006, 0.002), (GLOSS, "#f6f6f2"), move(x - 0.018, y, z), turn_y(-9), turn_x(4))
    m.add(box(0.038, 0.01, 0.004), (GLOSS, "#2d6a8c"), move(x - 0.018, y + 0.007, z - 0.004), turn_y(-9), turn_x(4))
    return m


def body_mesh():
    m = Mesh()
    m.add(loft(torso(), 16, True, 2.4), (CLOTH, SLEEVE))
    m.add(lathe([(0.064, 0.0), (0.07, 0.012), (0.066, 0.04), (0.056, 0.046)], 18, 60), (CLOTH, SLEEVE), move(0, 0.408, 0.01), turn_x(-6))
    return m


def hips_mesh():
    m = Mesh()
    m.add(loft([(-0.1, 0.09, 0.075, 0, 0.004), (-0.07, 0.142, 0.1, 0, 0.006), (-0.01, 0.157, 0.108, 0, 0.006),
                (0.06, 0.15, 0.1, 0, 0.002), (0.1, 0.142, 0.095, 0, 0)], 20, True, 2.5), (CLOTH, TROUSERS))
    m.add(loft([(0.065, 0.153, 0.104, 0, 0.002), (0.1, 0.15, 0.101, 0, 0)], 20, True, 2.5), (CLOTH, "#2a2019"))
    m.add(box(0.045, 0.034, 0.012, 0.004), (REFLECT, "#c8c2b0"), move(0, 0.083, -0.104))
    return m


def arm_meshes():
    upper, lower, hand = Mesh(), Mesh(), Mesh()
    upper.add(capsule((0, -0.012, 0), (0, -0.28, 0), 0.058, 0.047, 14, 4), (CLOTH, SLEEVE))
    lower.add(capsule((0, 0.0, 0), (0, -0.225, 0), 0.0475, 0.036, 12, 3), (CLOTH, SLEEVE))
    lower.add(lathe([(0.036, -0.252), (0.041, -0.248), (0.041, -0.215), (0.037, -0.21)], 14, 50), (CLOTH, "#2d3a4c"))
    hand.add(loft([(-0.165, 0.01, 0.016, 0, -0.012), (-0.15, 0.014, 0.03, 0, -0.01), (-0.11, 0.018, 0.039, 0, -0.004),
                   (-0.06, 0.02, 0.042, 0, 0), (-0.02, 0.021, 0.032, 0, 0), (0.02, 0.024, 0.028, 0, 0)], 12), (SKIN, SKIN_TONE))
    hand.add(capsule((0, -0.03, -0.026), (0, -0.085, -0.058), 0.0155, 0.0115, 10, 3), (SKIN, SKIN_TONE))
    return upper, lower, hand


def leg_meshes():
    upper, lower, foot = Mesh(), Mesh(), Mesh()
    upper.add(capsule((0, -0.01, 0), (0, -LEG, 0), 0.088, 0.063, 16, 4), (CLOTH, TROUSERS))
    lower.add(capsule((0, 0, 0), (0, -0.335, 0.006), 0.064, 0.052, 14, 3), (CLOTH, TROUSERS))
    lower.add(lathe([(0.05, -0.345), (0.063, -0.34), (0.063, -0.3), (0.058, -0.25)], 16, 50), (CLOTH, TROUSERS), move(0, 0, 0.005))
    lower.add(lathe([(0.0605, -0.25), (0.0635, -0.25), (0.0655, -0.2), (0.062, -0.2)], 16), (REFLECT, BAND), move(0, 0, 0.004))
    # The ankle is 8 cm above the ground.
    foot.add(cylinder(0.05, 0.13, 14, 0.01), (CLOTH, BOOT), move(0, -0.055, 0.01))
    foot.add(loft([(-0.064, 0.049, 0.132, 0, -0.062), (-0.03, 0.05, 0.13, 0, -0.06), (-0.005, 0.046, 0.115, 0, -0.05),
                   (0.018, 0.04, 0.08, 0, -0.02), (0.035, 0.034, 0.05, 0, 0.0)], 18, True, 2.6), (CLOTH, BOOT))
    foot.add(loft([(-0.08, 0.052, 0.137, 0, -0.062), (-0.058, 0.053, 0.138, 0, -0.062)], 18, True, 2.6), (CLOTH, SOLE))
    return upper, lower, foot


def avatar_nodes():
    hips = Node("hips", hips_mesh(), (0, HIP_HEIGHT + 0.03, 0))
    spine = hips.child("spine", body_mesh(), (0, 0.1, 0))
    spine.child("Shirt", vest_mesh())
    spine.child("Bands", bands_mesh())
    head = spine.child("head", head_mesh(), (0, 0.47, 0.002))
    head.child("Helmet", helmet_mesh())
    head.child("ShirtStripe", stripe_mesh())
    upper, lower, hand = arm_meshes()
    thigh, shank, foot = leg_meshes()
    for name, side in (("left", -1), ("right", 1)):
        arm = spine.child(name + "UpperArm", upper, (side * SHOULDER[0], SHOULDER[1] - HIP_HEIGHT - 0.13, 0.004))
        fore = arm.child(name + "LowerArm", lower, (0, -0.28, 0))
        fore.child(name + "Hand", hand, (0, -0.25, 0))
        leg = hips.child(name + "UpperLeg", thigh, (side * 0.088, -0.03, 0))
        calf = leg.child(name + "LowerLeg", shank, (0, -LEG, 0))
        calf.child(name + "Foot", foot, (0, -LEG, 0))
    root = Node("Avatar")
    root.children.append(hips)
    return root


def about_x(degrees):
    return quaternion((1, 0, 0), degrees)


def ease(t):
    t = max(0.0, min(1.0, t))
    return t * t * (3 - 2 * t)


def foot_at(phase):
    """The ankle relative to the point below the hips (forward, up) and the foot's pitch (toes up, degrees), for a
    leg whose heel strikes at phase 0. The body covers 1.5 m a cycle, so on the ground the foot goes back 1.5 m a cycle."""
    ankle, ball = 0.08, 0.13
    strike, lift = 0.37, 0.58
    if phase < lift:
        flat = strike - 1.5 * phase
        if phase < 0.1:
            pitch = 18 * (1 - ease(phase / 0.1))
            a = math.radians(pitch)
            return flat, ankle * math.cos(a) + 0.06 * math.sin(a), pitch
        pitch = -48 * ease((phase - 0.34) / (lift - 0.34)) if phase > 0.34 else 0.0
        a = math.radians(-pitch)
        return flat + ball - ball * math.cos(a) + ankle * math.sin(a), ankle * math.cos(a) + ball * math.sin(a), pitch
    start = foot_at(lift - 1e-6)
    t = (phase - lift) / (1 - lift)
    x = start[0] + (strike - start[0]) * (0.55 * t + 0.45 * ease(t))
    y = start[1] + (0.0985 - start[1]) * ease(t) + 0.05 * math.sin(math.pi * t) * (1 - 0.3 * t)
    return x, y, start[2] + (18 - start[2]) * ease(t * 1.15)


def leg_angles(forward, up, pitch, hip_height):
    """Thigh, shank and foot rotations about X in degrees that put the ankle there."""
    down = hip_height - up
    reach = min(math.hypot(forward, down), 2 * LEG * 0.9985)
    knee = math.pi - math.acos((2 * LEG * LEG - reach * reach) / (2 * LEG * LEG))
    thigh = math.atan2(forward, down) + knee / 2
    return math.degrees(thigh), -math.degrees(knee), pitch - math.degrees(thigh) + math.degrees(knee)


def walk_clip(keys=24):
    """One cycle (two steps) in one second, 1.5 m of ground."""
    clip = Clip("walk")
    tracks = {}

    def put(node, path, t, value):
        tracks.setdefault((node, path), []).append((t, value))

    for i in range(keys + 1):
        p = i / keys
        turn = 2 * math.pi * p
        bob = 0.018 * math.cos(2 * (turn - 2 * math.pi * 0.29)) - 0.032
        sway = 0.016 * math.cos(turn - 2 * math.pi * 0.29)  # over the leg that stands; the right one at phase 0.29
        yaw = 6 * math.cos(turn)  # the hip of the striking leg is forward
        put("hips", "translation", p, (sway, HIP_HEIGHT + 0.03 + bob, 0.0))
        roll = quaternion((0, 0, 1), -2.0 * math.cos(turn - 2 * math.pi * 0.2))
        put("hips", "rotation", p, quaternion_multiply(quaternion((0, 1, 0), yaw), roll))
        lean = quaternion_multiply(quaternion((0, 1, 0), -2.0 * yaw), about_x(-3.5))
        put("spine", "rotation", p, lean)
        put("head", "rotation", p, quaternion_multiply(quaternion((0, 1, 0), yaw), about_x(2.5 + 1.2 * math.cos(2 * turn))))
        for name, side, offset in (("right", 1, 0.0), ("left", -1, 0.5)):
            phase = (p + offset) % 1.0
            x, y, pitch = foot_at(phase)
            hip_forward = side * 0.088 * math.sin(math.radians(yaw))
            thigh, shank, foot = leg_angles(x - hip_forward, y, pitch, HIP_HEIGHT + bob)
            untwist = quaternion((0, 1, 0), -yaw)
            put(name + "UpperLeg", "rotation", p, quaternion_multiply(untwist, about_x(thigh)))
            put(name + "LowerLeg", "rotation", p, about_x(shank))
            put(name + "Foot", "rotation", p, about_x(foot))
            swing = -26 * math.cos(2 * math.pi * (phase - 0.02))
            spread = quaternion((0, 0, 1), side * 7)
            put(name + "UpperArm", "rotation", p, quaternion_multiply(spread, about_x(swing + 3)))
            put(name + "LowerArm", "rotation", p, about_x(24 + 14 * math.sin(math.radians(swing) * 2.2)))
            put(name + "Hand", "rotation", p, about_x(6))
    for (node, path), values in tracks.items():
        clip.key(node, path, values)
    return clip


def idle_clip(seconds=4.0, keys=16):
    """Breathing, with the weight going slowly from one leg to the other."""
    clip = Clip("idle")
    tracks = {}

    def put(node, path, t, value):
        tracks.setdefault((node, path), []).append((t, value))

    for i in range(keys + 1):
        t = seconds * i / keys
        turn = 2 * math.pi * i / keys
        breath, shift = math.sin(turn), math.sin(turn)
        put("hips", "translation", t, (0.007 * shift, HIP_HEIGHT + 0.024 - 0.002 * breath, 0.0))
        put("hips", "rotation", t, quaternion((0, 0, 1), -0.5 * shift))
        put("spine", "rotation", t, quaternion_multiply(quaternion((0, 0, 1), 0.6 * shift), about_x(-1.0 + 1.3 * breath)))
        put("head", "rotation", t, quaternion_multiply(quaternion((0, 1, 0), 3.5 * math.sin(turn + 0.8)), about_x(1.2 - 1.0 * breath)))
        for name, side in (("left", -1), ("right", 1)):
            lean = math.degrees(math.atan2(0.007 * shift, HIP_HEIGHT))
            thigh, shank, foot = leg_angles(0.0, 0.08, 0.0, HIP_HEIGHT - 0.006 - 0.002 * breath)
            put(name + "UpperLeg", "rotation", t, quaternion_multiply(quaternion((0, 0, 1), -lean + side * 2.0), about_x(thigh)))
            put(name + "LowerLeg", "rotation", t, about_x(shank))
            put(name + "Foot", "rotation", t, quaternion_multiply(quaternion((0, 0, 1), -side * 2.0), about_x(foot)))
            arm = quaternion_multiply(quaternion((0, 0, 1), side * (9.0 + 0.7 * breath)), about_x(2 + 1.0 * breath))
            put(name + "UpperArm", "rotation", t, arm)
            put(name + "LowerArm", "rotation", t, about_x(13 + 1.5 * math.sin(turn + 0.6)))
            put(name + "Hand", "rotation", t, about_x(5))
    for (node, path), values in tracks.items():
        clip.key(node, path, values)
    return clip
