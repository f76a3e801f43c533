"""The W3C Thing Descriptions of the plant: one a kind of thing. Extension terms (shared/model/thing.h): dtmv:period and
dtmv:label of properties; of actions what they drive, how close counts, how long it may take, and what must hold."""
import json

ALARM = ("NORMAL", "ACTIVE", "ACKNOWLEDGED")
PUMP_STATE = ("STOPPED", "STARTING", "RUNNING", "STOPPING", "MAINTENANCE", "TRIPPED")


def number(title, unit, low, high, step, period, label=None, writable=False, text=None):
    p = {"title": title, "type": "number", "unit": unit, "minimum": low, "maximum": high, "multipleOf": step}
    return finish(p, period, label, writable, text)


def integer(title, unit, low, high, period, label=None, writable=False, text=None):
    p = {"title": title, "type": "integer", "unit": unit, "minimum": low, "maximum": high, "multipleOf": 1}
    return finish(p, period, label, writable, text)


def choice(title, names, text=None):
    return finish({"title": title, "type": "string", "enum": list(names)}, 0, None, False, text)


def switch(title, text=None):
    return finish({"title": title, "type": "boolean"}, 0, None, False, text)


def finish(p, period, label, writable, text):
    if text:
        p["description"] = text
    p["readOnly"] = not writable
    p["observable"] = True
    if period:
        p["dtmv:period"] = period
    if label:
        p["dtmv:label"] = label
    return p


def action(title, text, schema=None, target=None, value=None, tolerance=None, timeout=None, emergency=False, interlocks=()):
    """`target`: the property that the action drives, to `value` or to its input; `interlocks`: what must hold before."""
    a = {"title": title, "description": text, "safe": False, "idempotent": True}
    if schema:
        a["input"] = schema
    for term, given in (("target", target), ("value", value), ("tolerance", tolerance), ("timeout", timeout)):
        if given is not None:
            a["dtmv:" + term] = given
    if emergency:
        a["dtmv:emergency"] = True
    if interlocks:
        a["dtmv:interlocks"] = list(interlocks)
    return a


def unless(prop, names, text):
    """An interlock: not while `prop` is one of `names`."""
    return {"property": prop, "not": list(names), "text": text}


def event(title, text, schema=None):
    return {"title": title, "description": text, "data": schema or {"type": "string", "enum": list(ALARM)}}


ACKNOWLEDGE = action("Acknowledge alarm", "Says that a person has seen the alarm. It stays until its cause is gone.",
                     target="alarm", value="ACKNOWLEDGED", timeout=10,
                     interlocks=[unless("alarm", ["NORMAL", "ACKNOWLEDGED"], "There is no alarm that waits for an acknowledgement.")])
LOCKED_OUT = unless("state", ["MAINTENANCE"], "The pump is locked out for maintenance.")
ALARM_EVENT = event("Alarm changed", "The alarm of this thing has another state.")

THINGS = {
    "pump": {
        "title": "Circulation pump",
        "description": "Centrifugal pump, 1480 1/min, with frequency converter, on its own skid.",
        "properties": {
            "speed": integer("Speed", "1/min", 0, 1800, 1),
            "flow": number("Flow", "m3/h", 0, 400, 0.5, 2),
            "power": number("Electric power", "kW", 0, 110, 0.1, 2, "Power"),
            "vibration": number("Bearing vibration", "mm/s", 0, 30, 0.05, 2, "Vibration",
                                text="Velocity, RMS, 10 to 1000 Hz, at the drive-end bearing."),
            "bearingTemperature": number("Bearing temperature", "degC", -20, 150, 0.1, 5, "Bearing"),
            "state": choice("State", PUMP_STATE, "TRIPPED after an emergency stop or when a protection stopped the pump."),
            "alarm": choice("Alarm", ALARM, "ACTIVE above 7.1 mm/s or 85 degC at the bearing."),
        },
        "actions": {
            "setSpeed": action("Set speed", "Sets the wished speed, by hand from then on; the converter ramps 25 1/min a second.",
                               {"type": "integer", "unit": "1/min", "minimum": 0, "maximum": 1500},
                               target="speed", tolerance=15, timeout=90,
                               interlocks=[LOCKED_OUT, unless("state", ["TRIPPED"], "The pump has tripped and must be started first.")]),
            "start": action("Start", "Releases the latch of an emergency stop or trip and runs the pump under the plant's controller.",
                            target="state", value="RUNNING", timeout=60, interlocks=[LOCKED_OUT]),
            "emergencyStop": action("Emergency stop", "Cuts the drive at once and latches: nothing but a start runs the pump again.",
                                    target="state", value="TRIPPED", timeout=5, emergency=True),
            "acknowledge": ACKNOWLEDGE,
        },
        "events": {"alarmChanged": ALARM_EVENT,
                   "tripped": event("Tripped", "A protection stopped the pump.", {"type": "string"})},
    },
    "tank": {
        "title": "Heat storage tank",
        "description": "Insulated tank, 5.2 m across, 195 m3, with level gauge and three temperature sensors.",
        "properties": {
            "level": number("Level", "%", 0, 100, 0.1, 5),
            "temperatureTop": number("Temperature at the top", "degC", 0, 120, 0.1, 5, "Top"),
            "temperatureMiddle": number("Temperature in the middle", "degC", 0, 120, 0.1, 5, "Middle"),
            "temperatureBottom": number("Temperature at the bottom", "degC", 0, 120, 0.1, 5, "Bottom"),
            "alarm": choice("Alarm", ALARM, "ACTIVE below 10 % or above 95 % level."),
        },
        "actions": {"acknowledge": ACKNOWLEDGE},
        "events": {"alarmChanged": ALARM_EVENT},
    },
    "valve": {
        "title": "Control valve",
        "description": "Motorised globe valve, DN 250, 20 s from shut to open, equal percentage.",
        "properties": {
            "position": number("Position", "%", 0, 100, 0.1, 1, text="0 is shut."),
            "setpoint": number("Commanded position", "%", 0, 100, 0.1, 0, "Commanded", text="What the controller asked for last."),
            "actuatorSpeed": integer("Actuator speed", "1/min", -40, 40, 2, "Actuator", text="Positive while opening."),
            "alarm": choice("Alarm", ALARM, "ACTIVE when the position does not follow."),
        },
        "actions": {
            "setPosition": action("Set position", "Sets the wished position, by hand from then on.",
                                  {"type": "number", "unit": "%", "minimum": 0, "maximum": 100},
                                  target="position", tolerance=1, timeout=60),
            "emergencyStop": action("Emergency stop", "Stops the actuator where it is and latches: it moves again after a release.",
                                    timeout=5, emergency=True),
            "release": action("Release", "Releases the latch of an emergency stop and gives the valve back to the plant's controller.",
                              timeout=5),
            "acknowledge": ACKNOWLEDGE,
        },
        "events": {"alarmChanged": ALARM_EVENT},
    },
    "exchanger": {
        "title": "Plate heat exchanger",
        "description": "Boiler circuit (primary) to district circuit (secondary), 7.5 MW.",
        "properties": {
            "primaryInlet": number("Primary inlet temperature", "degC", 0, 150, 0.1, 2, "Primary in"),
            "primaryOutlet": number("Primary outlet temperature", "degC", 0, 150, 0.1, 2, "Primary out"),
            "secondaryInlet": number("Secondary inlet temperature", "degC", 0, 150, 0.1, 2, "Return"),
            "secondaryOutlet": number("Secondary outlet temperature", "degC", 0, 150, 0.1, 2, "Supply"),
            "pressureDrop": number("Secondary pressure drop", "kPa", 0, 200, 0.1, 5, "Pressure drop"),
            "duty": integer("Heat transferred", "kW", 0, 9000, 2, "Duty"),
            "alarm": choice("Alarm", ALARM, "ACTIVE when the plates are blocked: twice the pressure drop that belongs to the flow; or above 95 degC "
                            "of supply, when valve 1 is shut."),
        },
        "actions": {"acknowledge": ACKNOWLEDGE},
        "events": {"alarmChanged": ALARM_EVENT},
    },
    "transformer": {
        "title": "Transformer",
        "description": "Oil transformer, 10 kV to 400 V, 1000 kVA, with two fans and heat recovery.",
        "properties": {
            "oilTemperature": number("Top oil temperature", "degC", -30, 150, 0.1, 5, "Oil"),
            "windingTemperature": number("Winding hot spot", "degC", -30, 180, 0.1, 5, "Winding"),
            "load": number("Load", "%", 0, 150, 0.1, 2),
            "fans": switch("Fans running", "On above 65 degC of oil, off below 60 degC."),
            "alarm": choice("Alarm", ALARM, "ACTIVE above 95 degC of oil."),
        },
        "actions": {"acknowledge": ACKNOWLEDGE,
                    "setFans": action("Switch fans", "On by hand; off gives them back to their thermostat.", {"type": "boolean"},
                                      target="fans", timeout=10)},
        "events": {"alarmChanged": ALARM_EVENT},
    },
    "meter": {
        "title": "Heat meter",
        "description": "What the district takes: flow, temperatures and heat.",
        "properties": {
            "heat": integer("Heat delivered", "kW", 0, 12000, 5, "Heat"),
            "flow": number("Flow", "m3/h", 0, 400, 0.5, 5),
            "supplyTemperature": number("Supply temperature", "degC", 0, 130, 0.1, 5, "Supply"),
            "returnTemperature": number("Return temperature", "degC", 0, 130, 0.1, 5, "Return"),
        },
    },
    "weather": {
        "title": "Weather mast",
        "description": "Outdoor air temperature and wind.",
        "properties": {
            "outdoorTemperature": number("Outdoor temperature", "degC", -40, 60, 0.1, 10, "Outdoor"),
            "windSpeed": number("Wind", "m/s", 0, 60, 0.1, 2),
        },
    },
}


def description(kind):
    """The JSON text of one Thing Description."""
    source = THINGS[kind]
    out = {"@context": ["https://www.w3.org/ns/wot-next/td", "https://www.w3.org/2022/wot/td/v1.1",
                        {"dtmv": "https://dtmv.example/ns#"}],
           "title": source["title"], "description": source["description"],
           "securityDefinitions": {"none": {"scheme": "nosec"}}, "security": ["none"], "properties": {}}
    for name, p in source["properties"].items():
        ops = ["readproperty", "observeproperty", "unobserveproperty"] + ([] if p["readOnly"] else ["writeproperty"])
        out["properties"][name] = dict(p, forms=[{"href": "properties/" + name, "op": ops}])
    for name, a in source.get("actions", {}).items():
        out.setdefault("actions", {})[name] = dict(a, forms=[{"href": "actions/" + name, "op": "invokeaction"}])
    for name, e in source.get("events", {}).items():
        out.setdefault("events", {})[name] = dict(e, forms=[{"href": "events/" + name, "op": ["subscribeevent", "unsubscribeevent"]}])
    return json.dumps(out, indent=2) + "\n"
