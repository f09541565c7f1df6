"""Names of what stations do differently from the standard, and yet can be told apart from damage.

A message carries the names that apply to it; what is only known after the message has been handed out (the line end)
is counted in the station's profile alone. Where the length or the check value is not as the standard says, one of
INTEGRITY is always among the names.
"""

INTEGRITY = {
    "wrong_length": "length field wrong, check value right where the segment ends",
    "length_in_characters": "length field counts characters, not bytes",
    "short_length_field": "length field of fewer than four digits",
    "long_length_field": "eight digits before the segment: a counter, then the length",
    "lower_case_crc": "check value in lower-case hex digits",
    "crc_modbus": "CRC-16/MODBUS, high byte first",
    "crc_modbus_swapped": "CRC-16/MODBUS, low byte first",
    "crc_len_segment": "check value covers the length digits too",
}

FORM = {
    "stray_semicolon": "semicolon around the segment",
    "missing_tail_ampersands": "no && before the check value",
    "single_ampersand": "CP=& instead of CP=&&",
    "segment_over_1024": "segment longer than the standard allows",
    "gbk_text": "Chinese text in GBK instead of UTF-8",
    "undecodable_text": "bytes that are neither UTF-8 nor GBK",
    "header_case": "header names not written as in the standard",
    "header_separator": "stray comma or blank in the header",
    "cp_missing": "no CP field",
    "mn_missing": "MN empty or absent",
    "st_malformed": "ST is not two characters 0-9, A-Z",
    "flag_malformed": "Flag is not a number of 0 to 255",
    "qn_missing": "no QN, though the edition that Flag names demands it",
    "qn_malformed": "QN is not 17 digits",
    "pnum_without_flag_bit": "PNUM and PNO present, bit D of Flag not set",
    "flag_split_without_pnum": "bit D of Flag set, PNUM or PNO absent or unusable",
}

DATA = {
    "trailing_separator": "empty item at the end of CP",
    "empty_item": "empty item inside CP",
    "bare_item": "item of CP without a name or a value",
    "data_time_milliseconds": "DataTime with milliseconds",
    "data_time_malformed": "DataTime is not a time",
    "repeated_key": "one key more than once in CP",
    "statistic_under_other_command": "real-time values under a period's command, or the reverse",
    "not_a_number": "a value that is no number",
    "converted_value_sentinel": "a converted value that could not be computed, sent as all nines (HJ 212-2025 §8.1.1)",
}

LINE_END = {
    "missing_crlf": "no CR LF after the frame",
    "lf_only_tail": "CR or LF alone after the frame",
    "double_star_tail": "** instead of CR LF",
}

DEVIATIONS = {**INTEGRITY, **FORM, **DATA, **LINE_END}
"""All names, with what they mean."""
