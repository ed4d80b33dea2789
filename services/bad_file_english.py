"""The sentences about files that cannot be used, in English: the terminal speaks Vietnamese, the API both.

Each is a pattern of the Vietnamese sentence. A sentence that stands in none is answered as it is.
"""

import re

WORDS = (
    (r"\bdòng (\d+)", r"line \1"),
    (r"\bđối tượng thứ (\d+)", r"feature \1"),
    (r"\bcột “", "column “"),
    ("vòng tự chạm vào mình", "a ring touches itself"),
    ("tự cắt", "it crosses itself"),
    ("có lỗ nằm ngoài vòng", "a hole lies outside"),
    ("có phần nằm trong phần khác", "a part lies in another part"),
    ("có lỗ nằm trong lỗ khác", "a hole lies in another hole"),
    ("có hai vòng trùng nhau", "two rings are the same"),
    ("bị lỗ cắt rời", "a hole cuts it apart"),
    ("có vòng quá ít điểm", "a ring has too few points"),
    (r"ở phần thứ (\d+) trong (\d+) phần", r"in part \1 of \2"),
    (r"tại kinh độ ([\d.]+), vĩ độ ([\d.]+)", r"at longitude \1, latitude \2"),
)
GRID = "; say which with epsg"
# fmt: off
PATTERNS = tuple((re.compile(vi, re.DOTALL), en) for vi, en in (
    (r"(.*): không có tệp này\.", r"\1: there is no such file."),
    (r"(.*): đây là thư mục, không phải tệp\.", r"\1: this is a folder, not a file."),
    (r"(.*): tệp lớn hơn (\d+) MB; .*", r"\1: the file is larger than \2 MB; simplify or divide it."),
    (r"(.*): nội dung giải nén lớn hơn (\d+) MB\.", r"\1: it unpacks to more than \2 MB."),
    (r"(.*): không đọc được \((.*)\)\.", r"\1: it cannot be read (\2)."),
    (r"(.*): không phải UTF-8; .*", r"\1: it is not UTF-8; save it as UTF-8."),
    (r"(.*): có ký tự NUL, .*", r"\1: it holds a NUL character, which no database keeps."),
    (r"Nội dung không phải JSON hợp lệ\.", "The body is not valid JSON."),
    (r"Nội dung phải là một đối tượng JSON\.", "The body must be a JSON object."),
    (r"(.*): không phải tệp GeoJSON .*", r"\1: it is not a GeoJSON file (not readable as JSON in UTF-8)."),
    (r"(.*): không phải GeoJSON kiểu FeatureCollection\.", r"\1: it is not a GeoJSON FeatureCollection."),
    (r"(.*): không phải GeoJSON, GeoPackage .*", r"\1: it is neither GeoJSON nor GeoPackage (.gpkg) nor shapefile (.shp, or a .zip with one)."),
    (r"(.*): tệp không có đối tượng \(feature\) nào\.", r"\1: it holds no feature."),
    (r"(.*): có (\d+) đối tượng, nhiều hơn mức (\d+) nhận được\.", r"\1: it holds \2 features, more than the \3 that are taken."),
    (r"(.*): không có thuộc tính \(properties\)\.", r"\1: it has no properties."),
    (r"(.*): thiếu thuộc tính “(.*?)”; tệp có các cột: (.*); nếu cột.*", r"\1: the property “\2” is missing; its columns are: \3. If a column has another name, say fields=\2=COLUMN."),
    (r"(.*): thiếu thuộc tính “(.*?)”\.", r"\1: the property “\2” is missing."),
    (r"(.*): không có cột “(.*?)” cho “(.*?)”; tệp có các cột: (.*)\.", r"\1: there is no column “\2” for “\3”; its columns are: \4."),
    (r"--fields: “(.*?)” không đúng dạng .*; các thuộc tính: (.*)\.", r"fields: “\1” is not property=column; the properties are: \2."),
    (r"(.*): mã (\S+) xuất hiện hai lần \((.*) và (.*)\)\.", r"\1: the code \2 stands there twice (\3 and \4)."),
    (r"(.*): mã (\S+) xuất hiện hai lần với cùng ngày bắt đầu\.", r"\1: the code \2 stands there twice with the same first day."),
    (r"(.*): mã (\S+) đã thuộc về (.*) trong thời gian đó\.", r"\1: the code \2 is that of \3 at that time."),
    (r"Mã đã thuộc về đơn vị khác trong thời gian đó: (.*)\. Hãy nhập.*", r"Codes are those of other units at that time: \1. Send units with their days, or other names, first."),
    (r"(.*): tọa độ nằm ngoài Việt Nam .*", r"\1: its coordinates are outside Vietnam (WGS 84 longitude and latitude in degrees, or VN-2000 metres with the right epsg)."),
    (r"(.*): kinh độ và vĩ độ bị đổi chỗ; .*", r"\1: longitude and latitude are swapped; longitude comes first."),
    (r"(.*): tọa độ đông .* bị đổi chỗ; .*", r"\1: easting and northing are swapped; easting comes first."),
    (r"(.*): hình học phải là Polygon hoặc MultiPolygon\.", r"\1: its geometry must be a Polygon or MultiPolygon."),
    (r"(.*): không có hình học, .*", r"\1: it has no geometry; it must be a Polygon or MultiPolygon."),
    (r"(.*): hình học rỗng\.", r"\1: its geometry is empty."),
    (r"(.*): tọa độ của hình học không đọc được\.", r"\1: the coordinates of its geometry cannot be read."),
    (r"(.*): có tọa độ không phải là số\.", r"\1: a coordinate is not a number."),
    (r"(.*): ranh giới (.*)\.", r"\1: its boundary is no polygon (\2)."),
    (r"(.*): là tệp SQLite nhưng .*", r"\1: it is an SQLite file but not a GeoPackage."),
    (r"(.*): không đọc được như GeoPackage \((.*)\)\.", r"\1: it cannot be read as a GeoPackage (\2)."),
    (r"(.*): GeoPackage không có lớp hình học nào\.", r"\1: this GeoPackage has no layer of geometries."),
    (r"(.*): (?:trong \.zip )?có nhiều (?:lớp|shapefile) \((.*)\); .*", r"\1: it holds several layers (\2); say which with layer."),
    (r"(.*): không có lớp “(.*?)”; (?:tệp chỉ có lớp|tệp có|trong \.zip có) (.*)\.", r"\1: there is no layer “\2”; it has \3."),
    (r"(.*): trong \.zip không có shapefile.*", r"\1: there is no shapefile in this .zip."),
    (r"(.*): tệp \.zip hỏng .*", r"\1: this .zip is damaged or has a password."),
    (r"(.*): shapefile thiếu tệp (\S+) đi cùng .*", r"\1: the shapefile lacks its \2."),
    (r"(.*): shapefile hỏng, không đọc được \((.*)\)\.", r"\1: the shapefile is damaged (\2)."),
    (r"(.*): các tệp không thuộc về nhau \((.*)\)\.", r"\1: its parts do not belong together (\2)."),
    (r"(.*): tệp \.cpg ghi bảng mã “(.*?)” .*", r"\1: the .cpg says the encoding is “\2”, in which its texts cannot be read."),
    (r"(.*): không rõ bảng mã của tệp \.dbf \((.*)\); .*", r"\1: the encoding of the .dbf is unknown (\2); save it as UTF-8 with a .cpg."),
    (r"(.*): “(.*)” viết bằng bảng mã cũ (.*), có lẽ là “(.*)”; .*", r"\1: “\2” is written in the old encoding \3, probably “\4”; convert it to Unicode."),
    (r"(.*): không nhận ra hệ tọa độ ghi trong tệp.*", r"\1: the coordinate system that the file names is not known" + GRID + "."),
    (r"(.*): không hiểu hệ tọa độ “(.*?)” .*", r"\1: the coordinate system “\2” is not understood" + GRID + "."),
    (r"EPSG (\d+) không nhận được; hãy cho một trong: (.*)\.", r"EPSG \1 is not taken; say one of: \2."),
    (r"(.*): tệp ghi hệ tọa độ EPSG (\d+), không phải .*", r"\1: the file says EPSG \2, which is neither VN-2000 nor WGS 84" + GRID + "."),
    (r"(.*): tọa độ tính bằng (?:mét|độ) nhưng EPSG (\d+) .*", r"\1: its coordinates are not in the unit of EPSG \2; say the right epsg."),
    (r"(.*): không rõ hệ tọa độ: gần nhất là EPSG (\d+) .* lệch ([\d.]+) km .*", r"\1: the coordinate system is unclear: the nearest, EPSG \2, is \3 km off the known boundaries" + GRID + "."),
    (r"(.*): không rõ hệ tọa độ: có thể là EPSG (.*); hãy cho --epsg.*", r"\1: the coordinate system is unclear, it may be EPSG \2" + GRID + "."),
    (r"(.*): thiếu cột (.*)\.", r"\1: columns are missing: \2."),
    (r"(.*): ngày “(.*)” không đúng dạng NNNN-TT-NN\.", r"\1: the day “\2” is not YYYY-MM-DD."),
    (r"(.*): cấp “(.*)” không có trong (.*)\.", r"\1: the level “\2” is none of \3."),
    (r"(.*): thiếu mã hoặc tên\.", r"\1: code or name is missing."),
    (r"(.*): thiếu đơn vị cấp trên\.", r"\1: the unit above is missing."),
    (r"(.*): không có đơn vị cấp trên (\S+) (\S+)\.", r"\1: there is no \2 \3 above it."),
    (r"(.*): ngày kết thúc trước ngày bắt đầu\.", r"\1: its last day is before its first."),
))
# fmt: on


def in_english(sentence: str) -> str:
    for pattern, english in PATTERNS:
        if found := pattern.fullmatch(sentence):
            said = found.expand(english)
            for vi, en in WORDS:
                said = re.sub(vi, en, said)
            return said
    return f"The file cannot be used: {sentence}"
