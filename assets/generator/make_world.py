"""world.json of the plant: where everything stands and which property moves, colours or labels what."""
import json

import model_pipes
import model_pump

GOOD, WARN, BAD = "#38b24a", "#ff9d1e", "#ff2a12"

SUN = [-0.60, 0.48, 0.64]


def color(prop, unit, node, stops, otherwise=None):
    m = {"stops": stops}
    if otherwise:
        m["otherwise"] = otherwise
    return {"kind": "color", "property": prop, "unit": unit, "node": node, "map": m}


def label(prop, caption=None, offset=None):
    out = {"kind": "label", "property": prop}
    if caption:
        out["caption"] = caption
    if offset:
        out["offset"] = offset
    return out


def beacon(offset):
    return {"kind": "beacon", "property": "alarm", "offset": offset,
            "map": {"cases": {"NORMAL": {"color": GOOD, "strength": 0.5}, "ACTIVE": {"color": BAD, "strength": 5, "blink": True},
                              "ACKNOWLEDGED": {"color": WARN, "strength": 3}}}}


def spin(prop, unit, node, axis, stops):
    return {"kind": "spin", "property": prop, "unit": unit, "node": node, "axis": axis, "map": {"stops": stops}}


HEAT = [[25, "#1f58c0"], [52, "#3f8ad8"], [62, "#e0a03c"], [72, "#e0641e"], [80, "#cc2a1c"]]

KINDS = {
    "pump": {
        "model": "models/pump.glb", "solid": {"half": [1.45, 0.65]},
        "bindings": [
            # A shaft at 1480 1/min would only flicker on a screen: it is drawn at about a fourteenth.
            spin("speed", "1/min", "Coupling", [1, 0, 0], [[0, 0], [1500, 105]]),
            spin("speed", "1/min", "Fan", [1, 0, 0], [[0, 0], [1500, 105]]),
            color("bearingTemperature", "degC", "Bearing", [[35, "#2f78b8"], [60, "#4a9a58"], [72, "#f0b020"], [85, "#f0401c"]], "#8a8f94"),
            {"kind": "emissive", "property": "bearingTemperature", "unit": "degC", "node": "Bearing",
             "map": {"stops": [[66, {"color": "#ff5a10", "strength": 0}], [85, {"color": "#ff3a08", "strength": 0.8}]]}},
            {"kind": "visibility", "property": "state", "node": "Lockout", "map": {"cases": {"MAINTENANCE": 1}, "otherwise": 0}},
            beacon([model_pump.BEACON[0], model_pump.BEACON[1], model_pump.BEACON[2]]),
            label("speed", None, [0, 1.75, 0]), label("flow"), label("vibration", "Vibration"), label("bearingTemperature", "Bearing"),
        ],
    },
    "tank": {
        "model": "models/tank.glb", "solid": {"half": [2.75, 2.75]},
        "bindings": [
            {"kind": "level", "property": "level", "unit": "%", "node": "Level", "axis": [0, 1, 0], "map": {"stops": [[0, 0.002], [100, 1]]}},
            {"kind": "translate", "property": "level", "unit": "%", "node": "Float", "axis": [0, 1, 0], "map": {"stops": [[0, 0], [100, 7.4]]}},
            color("temperatureMiddle", "degC", "Band", HEAT), color("temperatureMiddle", "degC", "Level", HEAT),
            label("level", None, [0, 8.7, 2.8]), label("temperatureTop", "Top"), label("temperatureBottom", "Bottom"),
        ],
    },
    "valve": {
        "model": "models/valve.glb", "solid": {"half": [0.35, 0.25]},
        "bindings": [
            {"kind": "translate", "property": "position", "unit": "%", "node": "Stem", "axis": [0, 1, 0], "map": {"stops": [[0, 0], [100, 0.22]]}},
            spin("actuatorSpeed", "1/min", "Wheel", [0, 0, 1], [[-40, 40], [40, -40]]),
            color("position", "%", "Indicator", [[0, "#d8301c"], [30, "#f0a020"], [100, "#38b24a"]]),
            label("position", None, [0, 1.5, 0]), label("setpoint", "Commanded"),
        ],
    },
    "exchanger": {
        "model": "models/exchanger.glb", "solid": {"half": [0.85, 1.0], "center": [0, -0.4]},
        "bindings": [
            color("duty", "kW", "Plates", [[0, "#ffffff"], [4000, "#ffd9b8"], [8000, "#ff9a5c"]]),
            label("secondaryOutlet", "Supply", [0, 2.55, 0.2]), label("secondaryInlet", "Return"), label("duty", "Duty"),
        ],
    },
    "transformer": {
        "model": "models/transformer.glb", "solid": {"half": [1.9, 1.5]},
        "bindings": [
            {"kind": "spin", "property": "fans", "node": "Fan1", "axis": [0, 0, 1], "map": {"cases": {"true": 95, "false": 0}}},
            {"kind": "spin", "property": "fans", "node": "Fan2", "axis": [0, 0, 1], "map": {"cases": {"true": -95, "false": 0}}},
            color("oilTemperature", "degC", "Tank", [[50, "#ffffff"], [70, "#fff0de"], [90, "#ff9a78"]]),
            beacon([1.55, 2.5, 0.45]),
            label("oilTemperature", "Oil", [0, 3.3, 0]), label("windingTemperature", "Winding"), label("load"),
        ],
    },
    "meter": {
        "model": "models/meter.glb",
        "bindings": [label("heat", None, [0, 0.75, 0.2]), label("supplyTemperature", "Supply"), label("returnTemperature", "Return")],
    },
    "mast": {
        "model": "models/mast.glb", "solid": {"half": [0.3, 0.3]},
        "bindings": [spin("windSpeed", "m/s", "Cups", [0, 1, 0], [[0, 0], [20, 140]]),
                     label("outdoorTemperature", "Outdoor", [0, 4.5, 0]), label("windSpeed", "Wind")],
    },
    "pipes-supply": {"model": "models/pipes-supply.glb",
                     "bindings": [color("secondaryOutlet", "degC", "Pipes", [[40, "#9a7a88"], [62, "#d8743a"], [80, "#d63a2c"]], "#b04a40")]},
    "pipes-return": {"model": "models/pipes-return.glb",
                     "bindings": [color("secondaryInlet", "degC", "Pipes", [[30, "#2a6cc8"], [50, "#4590e4"], [62, "#8f78c0"]], "#3f6aa0")]},
    "pipes-primary": {"model": "models/pipes-primary.glb",
                      "bindings": [color("primaryInlet", "degC", "Pipes", [[50, "#b89858"], [90, "#d98a2c"], [115, "#dd6a1c"]], "#c09050")]},
    "pipes-cooling": {"model": "models/pipes-cooling.glb",
                      "bindings": [color("oilTemperature", "degC", "Pipes", [[30, "#3aa085"], [65, "#4fb060"], [90, "#b8b848"]], "#4a8a68")]},
    "lamp-alarm": {"model": "models/lamp.glb", "casts_shadow": False, "bindings": [
        {"kind": "emissive", "property": "alarm", "node": "Lens",
         "map": {"cases": {"NORMAL": {"color": GOOD, "strength": 0.25}, "ACTIVE": {"color": BAD, "strength": 3, "blink": True},
                           "ACKNOWLEDGED": {"color": WARN, "strength": 1.6}}}},
        {"kind": "color", "property": "alarm", "node": "Lens",
         "map": {"cases": {"NORMAL": "#6f9a74", "ACTIVE": "#ff7060", "ACKNOWLEDGED": "#ffc070"}}}]},
    "lamp-state": {"model": "models/lamp.glb", "casts_shadow": False, "bindings": [
        {"kind": "emissive", "property": "state", "node": "Lens",
         "map": {"cases": {"STOPPED": {"color": "#ffffff", "strength": 0}, "STARTING": {"color": "#40ff60", "strength": 1, "blink": True},
                           "RUNNING": {"color": "#30ff50", "strength": 1.6}, "STOPPING": {"color": "#40ff60", "strength": 0.7, "blink": True},
                           "MAINTENANCE": {"color": "#3090ff", "strength": 1.2}, "TRIPPED": {"color": BAD, "strength": 2, "blink": True}}}},
        {"kind": "color", "property": "state", "node": "Lens",
         "map": {"cases": {"STOPPED": "#777777", "TRIPPED": "#ff7060"}, "otherwise": "#b0d8b0"}}]},
    "tree-1": {"model": "models/tree-1.glb", "solid": {"half": [0.25, 0.25]}},
    "tree-2": {"model": "models/tree-2.glb", "solid": {"half": [0.25, 0.25]}},
    "bush": {"model": "models/bush.glb"},
    "lamp-post": {"model": "models/lamp-post.glb", "solid": {"half": [0.2, 0.2]}},
}

THINGS = [("pump-1", "pump", "Pump 1"), ("pump-2", "pump", "Pump 2"), ("tank-hot", "tank", "Hot tank"), ("tank-cold", "tank", "Cold tank"),
          ("valve-1", "valve", "Valve 1 supply"), ("valve-2", "valve", "Valve 2 return"), ("valve-3", "valve", "Valve 3 cooling"),
          ("heat-exchanger", "exchanger", "Heat exchanger"), ("transformer", "transformer", "Transformer"),
          ("heat-meter", "meter", "District heat"), ("weather", "weather", "Weather")]

TREES = [(-27, -30, 1.15), (-19, -27.5, 0.95), (-11.5, -31, 1.25), (-3, -27, 1.0), (4, -30, 1.2), (11.5, -27.5, 0.9), (24, -28, 1.1), (31, -26.5, 1.2),
         (39, -24, 1.05), (41, -12, 1.2), (39.5, -3, 0.95), (-27, -17, 1.1), (-28.5, -6, 1.25), (-26, 1.5, 0.9), (44, 3.5, 1.1), (-36, -12, 1.3),
         (-17, 16.5, 1.0), (-5.5, 17.2, 1.15), (-9.5, 18.5, 1.0), (30, 17, 1.1)]
BUSHES = [(-20.6, -20.6, 1.0), (-18.6, -20.8, 1.2), (-5.5, 2.3, 0.9), (-7.4, 2.4, 1.1), (-9.4, 2.3, 0.95), (18.6, 2.3, 1.0), (20.6, 2.4, 1.15),
          (33.6, -20, 1.2), (33.8, -17.6, 0.9), (29.5, 2.2, 1.0), (31.6, 2.3, 1.2), (2.4, 4.4, 0.8), (17.6, 4.5, 0.85)]


def objects():
    out = []

    def put(name, kind=None, thing=None, at=(0, 0, 0), yaw=0, **extra):
        o = {"id": name}
        if kind:
            o["kind"] = kind
        if thing:
            o["thing"] = thing
        o["position"] = list(at)
        if yaw:
            o["rotation_deg"] = [0, yaw, 0]
        o.update(extra)
        out.append(o)

    put("ground", model="models/ground.glb", casts_shadow=False)
    put("fence", model="models/fence.glb")
    put("hall", model="models/hall.glb")
    put("clutter", model="models/clutter.glb")
    put("stack", model="models/stack.glb", at=(18.8, 0, -18.5), solid={"half": [1.2, 1.2]})
    put("boiler", model="models/boiler.glb", at=(17.5, 0, -12.6), solid={"half": [2.9, 1.3]})
    put("vessels", model="models/vessels.glb", at=(1.4, 0.02, -12.8), solid={"half": [1.6, 0.7]})
    put("cabinet", model="models/cabinet.glb", at=(20.1, 0, -9.2), solid={"half": [1.25, 0.32]})
    for i, (x, z) in enumerate(model_pipes.PUMPS):
        put("pump-%d" % (i + 1), "pump", "pump-%d" % (i + 1), (x, 0.02, z))
    put("tank-hot", "tank", "tank-hot", (-8, 0, -9))
    put("tank-cold", "tank", "tank-cold", (-15, 0, -9))
    for i, at in enumerate((model_pipes.VALVE_1, model_pipes.VALVE_2, model_pipes.VALVE_3)):
        put("valve-%d" % (i + 1), "valve", "valve-%d" % (i + 1), at)
    put("heat-exchanger", "exchanger", "heat-exchanger", (model_pipes.HX[0], 0.02, model_pipes.HX[1]))
    put("transformer", "transformer", "transformer", (28.1, 0.02, -6.2))
    put("heat-meter", "meter", "heat-meter", (11.6, 2.0, -4.8))
    put("weather", "mast", "weather", (-19.8, 0, 0.4))
    for medium, thing in (("supply", "heat-exchanger"), ("return", "heat-exchanger"), ("primary", "heat-exchanger"), ("cooling", "transformer")):
        put("pipes-" + medium, "pipes-" + medium, thing)
    for i, (thing, x) in enumerate((("pump-1", 19.28), ("pump-2", 20.1), ("transformer", 20.92))):
        put("lamp-alarm-" + thing, "lamp-alarm", thing, (x + 0.11, 1.74, -8.9))
        if thing != "transformer":
            put("lamp-state-" + thing, "lamp-state", thing, (x - 0.11, 1.74, -8.9))
    for i, x in enumerate((-21, -10.8, 24.5, 37)):
        put("lamp-post-%d" % (i + 1), "lamp-post", at=(x, 0, 4.9))
    for i, (x, z, s) in enumerate(TREES):
        put("tree-%d" % (i + 1), "tree-%d" % (1 + i % 2), at=(x, 0, z), yaw=(i * 77) % 360, scale=s)
    for i, (x, z, s) in enumerate(BUSHES):
        put("bush-%d" % (i + 1), "bush", at=(x, 0, z), yaw=(i * 131) % 360, scale=s)
    # what people cannot walk through, though it is part of a larger model
    for name, x, z, hx, hz in (("back", 10, -15, 12, 0.15), ("left", -2, -9, 0.15, 6), ("right-1", 22, -12.7, 0.15, 2.5), ("right-2", 22, -6.1, 0.15, 3.1),
                               ("bench", -1.4, -5.6, 0.4, 1.0), ("drums", -1.0, -8.5, 0.65, 0.6)):
        put("solid-hall-" + name, at=(x, 0, z), solid={"half": [hx, hz]})
    for i in range(5):
        put("solid-column-%d" % (i + 1), at=(-1.8 + 5.95 * i, 0, -3.2), solid={"half": [0.2, 0.2]})
    for name, x, z, hx, hz in (("back", 6.5, -22, 28.5, 0.1), ("left", -22, -9.4, 0.1, 12.6), ("right", 35, -9.4, 0.1, 12.6),
                               ("front-left", -9.3, 3.2, 12.7, 0.1), ("front-right", 25.8, 3.2, 9.2, 0.1)):
        put("solid-fence-" + name, at=(x, 0, z), solid={"half": [hx, hz]})
    return out


def world():
    return {
        "dtmv": 1,
        "name": "plant",
        "title": "District energy plant",
        "environment": {"sun_direction": SUN, "sun_color": "#ffdfb2", "sun_strength": 3.3, "sky_zenith": "#5590d8", "sky_horizon": "#f6e8cf",
                        "ground_bounce": "#98907c", "ground_color": "#647c42", "ground_half": 400, "grid": False, "fog_density": 0.0035},
        "bounds": {"min": [-32, -34], "max": [46, 18]},
        "spawn_points": [{"position": [x, 0, z], "yaw_deg": yaw} for x, z, yaw in
                         ((6.6, 13.8, 6), (9.2, 13.2, 8), (4.2, 13.4, 3), (11.8, 13.0, 12), (14.4, 12.8, 18), (1.6, 13.0, -4))],
        "things": [{"id": i, "description": "things/%s.td.json" % kind, "title": title} for i, kind, title in THINGS],
        "kinds": KINDS,
        "objects": objects(),
        "feeds": [{"type": "sim"}, {"type": "replay", "trace": "plant.csv", "mapping": "plant.mapping.json"}],
    }


def mapping():
    return {
        "dtmv_mapping": 1, "form": "long", "header": True, "strict": True,
        "comment": "One value a row; the generator already writes the ids and units of the Thing Descriptions.",
        "time": {"column": "time", "format": "epoch_ms"}, "value": {"column": "value"},
        "rows": [{"where": {"thing": "{thing}", "property": "{property}"}, "thing": "{thing}", "property": "{property}"}],
    }


def views():
    """What the demo shows: a person each, with a camera ("" is through the person's eyes) and a walk."""
    return [
        {"file": "arrival", "name": "Ada", "camera": "6,2.6,19,8,3", "walk": "7.4,7.5;7.2,2.5"},
        {"file": "pumps", "name": "Grace", "camera": "9,1.6,-4.2,65,-9", "walk": "6.5,3;4.6,-1;3.9,-4.9"},
        {"file": "tanks", "name": "Linus", "camera": "-10.5,1.9,2.4,3,11", "walk": "8,4;4,-1;-6,-1.5"},
        {"file": "overview", "name": "Hedy", "camera": "30,14,18,38,-22", "walk": "12,1;16,-1.5"},
    ]


def text(document):
    """JSON with one line for every list or object that is short enough to read as one."""
    def render(v, indent):
        flat = json.dumps(v, ensure_ascii=False)
        if not isinstance(v, (dict, list)) or len(flat) + indent <= 118:
            return flat
        pad = " " * (indent + 2)
        if isinstance(v, dict):
            inner = (",\n" + pad).join(json.dumps(k) + ": " + render(x, indent + 2 + len(k)) if not isinstance(x, (dict, list))
                                       else json.dumps(k) + ": " + render(x, indent + 2) for k, x in v.items())
            return "{\n" + pad + inner + "\n" + " " * indent + "}"
        inner = (",\n" + pad).join(render(x, indent + 2) for x in v)
        return "[\n" + pad + inner + "\n" + " " * indent + "]"
    return render(document, 0) + "\n"
