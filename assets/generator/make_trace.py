"""plant.csv: twenty-five minutes of the plant on an autumn evening, from a small coupled model.

Pumps lift against a system curve that the valves change; the exchanger heats what they move; the tanks take the
difference between boiler and demand; the transformer warms with the electric load. One fault develops: the bearing of
pump 2 wears, its vibration and temperature creep up, an alarm comes, is acknowledged, and pump 1 takes over.
Values carry sensor noise and are rounded to the resolution that the Thing Description declares.
"""
import math
import random

from make_things import THINGS as KINDS
from make_world import THINGS

START_MS = 1791994800000  # 2026-10-14 16:20:00 UTC
SECONDS = 1500
RHO_G = 9.81 * 975  # of warm water, N/m3


def smooth(t, a, b):
    """0 before a, 1 after b, soft between."""
    x = max(0.0, min(1.0, (t - a) / (b - a)))
    return x * x * (3 - 2 * x)


class Drift:
    """Noise with a memory of `tau` seconds and standard deviation `sigma`."""

    def __init__(self, rng, tau, sigma):
        self.rng, self.keep, self.sigma, self.value = rng, math.exp(-1.0 / tau), sigma, 0.0

    def step(self):
        self.value = self.keep * self.value + math.sqrt(1 - self.keep * self.keep) * self.rng.gauss(0, self.sigma)
        return self.value


class Pump:
    def __init__(self, speed, bearing):
        self.speed, self.flow, self.power, self.head = speed, 0.0, 0.0, 0.0
        self.bearing, self.wear = bearing, 0.0
        self.state, self.alarm = ("RUNNING" if speed else "STOPPED"), "NORMAL"

    def ramp(self, wish, rate=25.0):
        if abs(wish - self.speed) <= rate:
            self.speed = float(wish)
        else:
            self.speed += math.copysign(rate, wish - self.speed)
        if self.state != "MAINTENANCE" or wish > 0:
            self.state = ("STARTING" if wish > self.speed else "STOPPING" if wish == 0 else "RUNNING") if wish != self.speed else \
                ("RUNNING" if wish > 0 else "STOPPED")
            if self.state == "STARTING" and self.speed > 400:
                self.state = "RUNNING"

    def delivers(self, head):
        """Flow in m3/h against `head` metres; the check valve lets none back."""
        n = self.speed / 1480
        shut_off = 46 * n * n
        return math.sqrt((shut_off - head) / 0.00042) if head < shut_off else 0.0

    def finish(self, head, ambient, seconds=1.0):
        self.flow, self.head = self.delivers(head), head
        n = self.speed / 1480
        best = max(1.0, 190 * n)
        efficiency = max(0.25, 0.81 - 0.35 * (self.flow / best - 1) ** 2)
        self.power = RHO_G * self.flow / 3600 * head / efficiency / 1000 + 1.9 * n ** 3 + (0.6 if self.speed else 0.0)
        heat = ambient + 34 * n ** 1.5 + 7.0 * self.wear * n * n
        self.bearing += (heat - self.bearing) * seconds / (65.0 if self.speed else 240.0)

    def vibration(self):
        n = self.speed / 1480
        return 0.05 + 1.55 * n * n + 1.25 * self.wear * n ** 1.5


class Valve:
    RATE = 5.0  # percent a second

    def __init__(self, position):
        self.position = self.setpoint = position
        self.rpm = 0

    def step(self):
        gap = self.setpoint - self.position
        if abs(gap) < 0.6 and self.rpm == 0:
            return
        move = max(-self.RATE, min(self.RATE, gap))
        self.position += move
        self.rpm = 0 if abs(gap) <= self.RATE else int(math.copysign(28, gap))


# Second of the trace: what the controllers and the operator do.
VALVE_1 = ((0, 52), (18, 74), (118, 66), (205, 78), (430, 70), (610, 62), (820, 73), (1040, 81), (1260, 60), (1400, 52))
VALVE_2 = ((0, 61), (36, 72), (150, 64), (226, 76), (520, 68), (760, 60), (1000, 74), (1220, 66), (1420, 61))
VALVE_3 = ((0, 22), (72, 48), (180, 58), (390, 46), (690, 55), (930, 38), (1180, 50), (1390, 22))
PUMP_1 = ((0, 0), (190, 1310), (285, 1380), (470, 1340), (800, 1390), (1060, 1430), (1290, 1300), (1430, 1220))
PUMP_2 = ((0, 1180), (32, 1410), (150, 1180), (244, 900), (264, 0), (905, 600), (985, 0))
ALARM_AT, ACKNOWLEDGED_AT, CLEARED_AT, MAINTENANCE_AT = 7.1, 170, 330, 380


def planned(table, t):
    value = table[0][1]
    for at, wish in table:
        if t >= at:
            value = wish
    return value


def simulate(seed=42):
    """Yields (second, {thing: {property: value}}) once a second, without noise of the sensors."""
    rng = random.Random(seed)
    demand_drift, wind, load_drift, air = Drift(rng, 90, 110), Drift(rng, 25, 1.1), Drift(rng, 40, 1.6), Drift(rng, 200, 0.25)
    return_drift, boiler_drift, shake = Drift(rng, 120, 0.7), Drift(rng, 60, 0.5), Drift(rng, 4, 0.10)
    pumps = [Pump(0, 24.0), Pump(1180, 52.5)]
    pumps[1].wear = 0.45
    valves = [Valve(52), Valve(61), Valve(22)]
    hot, cold = [71.0, 82.6, 79.4, 63.5], [38.0, 58.2, 49.6, 45.1]  # level, temperature at top, middle, bottom
    primary_in, secondary_out, secondary_in, duty = 104.0, 78.5, 47.5, 5350.0
    oil, winding, fans = 64.3, 71.9, False
    alarm_since = None
    for t in range(SECONDS):
        hour = 16 + 20 / 60 + t / 3600
        outdoor = 8.4 - 1.6 * (hour - 16.33) + air.step()
        demand = 5150 + 1250 * smooth(t, 10, 240) + 480 * math.sin(2 * math.pi * t / 900) - 900 * smooth(t, 1150, 1480) + demand_drift.step()
        for valve, table in zip(valves, (VALVE_1, VALVE_2, VALVE_3)):
            valve.setpoint = planned(table, t)
            valve.step()
        pumps[0].ramp(planned(PUMP_1, t), 22)
        pumps[1].ramp(planned(PUMP_2, t), 22)
        if t >= MAINTENANCE_AT and planned(PUMP_2, t) == 0 and pumps[1].speed == 0:
            pumps[1].state = "MAINTENANCE"
        # the wear of pump 2: slow at first, then fast under load; a new bearing comes at second 880
        if t < 880:
            if pumps[1].speed > 0:
                pumps[1].wear += 0.008 + 0.08 * smooth(t, 25, 85) * (pumps[1].speed / 1410) ** 8
        else:
            pumps[1].wear = 0.25
        # one head for both pumps: bisection on what they deliver and what the valves let through
        opening = max(0.08, valves[0].position / 100) ** -1.6 + max(0.08, valves[1].position / 100) ** -1.6
        system = 0.00013 * opening
        low, high = 0.0, 60.0
        for _ in range(30):
            head = (low + high) / 2
            if sum(p.delivers(head) for p in pumps) > math.sqrt(max(0.0, head - 2.0) / system):
                low = head
            else:
                high = head
        hall = outdoor + 10
        for p in pumps:
            p.finish(head, hall + 4)
        flow = sum(p.flow for p in pumps)
        # heat: what the exchanger can move, limited by its surface
        capacity = max(1.0, flow / 3600 * 975 * 4.18)  # kW/K
        primary_in += (104 + 5 * smooth(t, 40, 260) - 3 * smooth(t, 1100, 1400) + boiler_drift.step() - primary_in) / 30
        secondary_in += (47.5 + 0.0006 * (demand - 5300) + return_drift.step() - secondary_in) / 45
        primary_capacity = 150.0
        ratio = min(capacity, primary_capacity) / max(capacity, primary_capacity)
        units = 420.0 / min(capacity, primary_capacity)
        e = math.exp(-units * (1 - ratio))
        effectiveness = (1 - e) / (1 - ratio * e) if abs(1 - ratio) > 1e-6 else units / (1 + units)
        wish = effectiveness * min(capacity, primary_capacity) * (primary_in - secondary_in)
        duty += (min(wish, 7400) - duty) / 18
        primary_out = primary_in - duty / primary_capacity
        secondary_out += (secondary_in + duty / capacity - secondary_out) / 12
        drop = 0.0018 * flow * flow
        # tanks: the hot one gives what the boiler does not make; what it loses the cold one gains
        missing = (demand - duty) / (4.18 * 0.975 * max(8.0, secondary_out - secondary_in))  # kg/s
        exchange = max(-55.0, min(55.0, missing + 22)) / (195 * 975) * 100 * 1.35  # percent a second
        hot[0] = max(6.0, min(97.0, hot[0] - exchange * (1 if t < 700 else -0.55 if t < 1250 else 1.0)))
        cold[0] = max(6.0, min(97.0, 109.0 - hot[0]))
        for i, (target, tau) in enumerate(((secondary_out + 1.5, 700), (79.4 - 0.07 * (71 - hot[0]), 500), (63.5 - 0.35 * (71 - hot[0]), 400))):
            hot[i + 1] += (target - hot[i + 1]) / tau
        for i, (target, tau) in enumerate(((58.2 + 0.1 * (38 - cold[0]), 500), (49.6, 500), (secondary_in - 2.2, 400))):
            cold[i + 1] += (target - cold[i + 1]) / tau
        # transformer: load follows the pumps, the boiler's burner and everything else on site
        load = 48 + 0.35 * sum(p.power for p in pumps) + duty / 800 + load_drift.step()
        cooling = 0.11 * valves[2].position + (9.5 if fans else 0.0)
        oil += (outdoor + 22 + 47 * (load / 100) ** 1.6 + 22.5 - cooling - oil) / 210
        winding += (oil + 15 * (load / 100) ** 1.6 - winding) / 55
        fans = oil > 65 if not fans else oil > 60
        # the alarm of pump 2
        p2 = pumps[1]
        vibration = [p.vibration() + (0.02 if p.speed else 0.0) for p in pumps]
        vibration[1] += (0.4 + 0.6 * p2.wear) * shake.step() * (p2.speed / 1480)
        if alarm_since is None and t < 880 and vibration[1] > ALARM_AT:
            alarm_since = t
        if alarm_since is None or t >= CLEARED_AT:
            p2.alarm = "NORMAL"
        else:
            p2.alarm = "ACKNOWLEDGED" if t >= ACKNOWLEDGED_AT else "ACTIVE"
        out = {
            "tank-hot": dict(zip(("level", "temperatureTop", "temperatureMiddle", "temperatureBottom"), hot), alarm="NORMAL"),
            "tank-cold": dict(zip(("level", "temperatureTop", "temperatureMiddle", "temperatureBottom"), cold), alarm="NORMAL"),
            "heat-exchanger": {"primaryInlet": primary_in, "primaryOutlet": primary_out, "secondaryInlet": secondary_in,
                               "secondaryOutlet": secondary_out, "pressureDrop": drop, "duty": duty, "alarm": "NORMAL"},
            "transformer": {"oilTemperature": oil, "windingTemperature": winding, "load": load, "fans": fans, "alarm": "NORMAL"},
            "heat-meter": {"heat": demand, "flow": demand / (4.18 * 0.975 / 3.6) / max(10.0, secondary_out - secondary_in),
                           "supplyTemperature": secondary_out - 0.6, "returnTemperature": secondary_in + 0.3},
            "weather": {"outdoorTemperature": outdoor, "windSpeed": max(0.0, 3.6 + wind.step() + 0.8 * math.sin(t / 70))},
        }
        for i, p in enumerate(pumps):
            out["pump-%d" % (i + 1)] = {"speed": p.speed, "flow": p.flow, "power": p.power, "vibration": max(0.0, vibration[i]),
                                        "bearingTemperature": p.bearing, "state": p.state, "alarm": p.alarm}
        for i, v in enumerate(valves):
            out["valve-%d" % (i + 1)] = {"position": v.position, "setpoint": float(v.setpoint), "actuatorSpeed": v.rpm, "alarm": "NORMAL"}
        yield t, out


# Standard deviation of each sensor's noise, in the property's unit; what is not listed has none.
NOISE = {"flow": 0.6, "power": 0.12, "vibration": 0.035, "bearingTemperature": 0.06, "level": 0.05, "temperatureTop": 0.05, "temperatureMiddle": 0.05,
         "temperatureBottom": 0.05, "primaryInlet": 0.08, "primaryOutlet": 0.08, "secondaryInlet": 0.06, "secondaryOutlet": 0.08, "pressureDrop": 0.25,
         "duty": 10, "oilTemperature": 0.05, "windingTemperature": 0.12, "load": 0.25, "heat": 12, "supplyTemperature": 0.05, "returnTemperature": 0.05,
         "outdoorTemperature": 0.04, "windSpeed": 0.25, "speed": 0.6}


def decimals(step):
    """How many are needed to write multiples of `step`."""
    digits = 0
    while abs(step * 10 ** digits - round(step * 10 ** digits)) > 1e-9:
        digits += 1
    return digits


def write(value, schema):
    """A value as the sensor gives it: rounded to its resolution, inside its range."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    step = schema["multipleOf"]
    value = max(schema["minimum"], min(schema["maximum"], value))
    value = round(value / step) * step
    return "%.*f" % (decimals(step), value + 0.0)


def csv(seed=7):
    rng = random.Random(seed)
    kind = {i: KINDS[k]["properties"] for i, k, _ in THINGS}
    order = [i for i, _, _ in THINGS]
    last, lines = {}, ["time,thing,property,value"]
    for t, state in simulate():
        row = []
        for n, thing in enumerate(order):
            for k, (name, schema) in enumerate(kind[thing].items()):
                value = state[thing][name]
                period = schema.get("dtmv:period", 0)
                if period and not isinstance(value, (str, bool)):
                    offset = (3 * n + k) % period if period > 1 else 0
                    if t and t % period != offset:
                        continue
                    sigma = NOISE.get(name, 0)
                    noise = rng.gauss(0, sigma) if sigma else 0.0
                    if name in ("speed", "flow", "power", "vibration") and state[thing].get("speed", 1) == 0:
                        noise = 0.0  # nothing turns, nothing to measure
                    value += noise
                elif last.get((thing, name)) == value:
                    continue
                last[(thing, name)] = value
                # each gateway has its own small delay
                row.append((START_MS + 1000 * t + 37 * n, "%s,%s,%s" % (thing, name, write(value, schema))))
        lines += ["%d,%s" % r for r in sorted(row, key=lambda r: r[0])]
    return "\n".join(lines) + "\n"
