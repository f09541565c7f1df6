"""Figures of contradictions in words, English and Chinese."""

from collections.abc import Mapping

WORDS: dict[str, tuple[float, str, str]] = {
    "duration_s": (1 / 60, "for {:.0f} min", "持续 {:.0f} 分钟"),
    "production_kw": (1, "production {:.4g} kW", "生产功率 {:.4g} kW"),
    "treatment_kw": (1, "treatment {:.4g} kW", "治理功率 {:.4g} kW"),
    "required_lead_s": (1 / 60, "treatment is due {:.3g} min before the start", "治理设施应提前 {:.3g} 分钟启动"),
    "required_lag_s": (1 / 60, "treatment is due {:.3g} min after the stop", "治理设施应滞后 {:.3g} 分钟停运"),
    "not_running_s": (1 / 60, "it did not run for {:.3g} min of that", "其中 {:.3g} 分钟未运行"),
    "mean_ratio": (1, "treatment per production {:.3g}", "治理与生产功率比 {:.3g}"),
    "least_ratio": (1, "at least {:.3g} is usual", "正常不低于 {:.3g}"),
    "mean_emission": (1, "emission reported {:.4g}", "上报排放浓度 {:.4g}"),
    "usual_emission": (1, "with treatment {:.4g}", "治理运行时 {:.4g}"),
    "usual_most": (1, "at most {:.4g} counts as unchanged", "不高于 {:.4g} 视为未变化"),
    "plant_kw": (1, "plant meter {:.4g} kW", "总表功率 {:.4g} kW"),
    "sum_kw": (1, "sub-meters together {:.4g} kW", "分表合计 {:.4g} kW"),
    "mean_kw": (1, "mean power {:.4g} kW", "平均功率 {:.4g} kW"),
    "share": (100, "{:.3g} % of the baseline", "为基准的 {:.3g} %"),
    "allowed_share": (100, "{:.3g} % allowed", "允许 {:.3g} %"),
    "night_kw": (1, "by night {:.4g} kW", "夜间平均 {:.4g} kW"),
    "day_kw": (1, "by day {:.4g} kW", "昼间平均 {:.4g} kW"),
    "most_ratio": (1, "up to {:.3g} times the day is usual", "正常不超过昼间的 {:.3g} 倍"),
    "power_kw": (1, "power {:.4g} kW", "功率 {:.4g} kW"),
    "voltage_span_v": (1, "voltage moved by {:.3g} V", "电压变化 {:.3g} V"),
    "mean_power_over_ui": (1, "power over voltage times current {:.4g}", "功率与电压电流乘积之比 {:.4g}"),
    "power_factor": (1, "power factor {:.4g}", "功率因数 {:.4g}"),
    "step_kwh": (1, "the register moved by {:.4g} kWh", "电能示值变化 {:.4g} kWh"),
    "register_kwh": (1, "register {:.4g} kWh", "电能示值增量 {:.4g} kWh"),
    "integral_kwh": (1, "integral of power {:.4g} kWh", "功率积分 {:.4g} kWh"),
    "ratio": (1, "ratio {:.3g}", "比值 {:.3g}"),
    "neighbours_up": (100, "{:.3g} % of the neighbours on line", "邻近电表在线 {:.3g} %"),
    "night_share": (100, "{:.3g} % of it by night", "其中夜间 {:.3g} %"),
    **{f"current_{p}_a": (1.0, f"I{p} {{:.4g}} A", f"{p.upper()} 相电流 {{:.4g}} A") for p in "abc"},
    **{f"power_{p}_kw": (1.0, f"P{p} {{:.4g}} kW", f"{p.upper()} 相功率 {{:.4g}} kW") for p in "abc"},
}
"""Figure → factor to what is shown, and the words. Marks of a kind (`is_lost`) have none: the rule's text says them."""


def english(figures: Mapping[str, float]) -> str:
    return ", ".join(WORDS[name][1].format(value * WORDS[name][0]) for name, value in figures.items() if name in WORDS)


def chinese(figures: Mapping[str, float]) -> str:
    return "，".join(WORDS[name][2].format(value * WORDS[name][0]) for name, value in figures.items() if name in WORDS)
