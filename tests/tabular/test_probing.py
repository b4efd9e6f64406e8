"""Small workbooks that would take a machine's memory end in a finding."""

from __future__ import annotations

import io
import zipfile

import pytest

from fhir_blina.errors import Finding
from fhir_blina.tabular import probing
from fhir_blina.tabular.probing import why_too_large
from fhir_blina.tabular.workbook import sheet_names

BLANKS = "(blanks)"
START = '<?xml version="1.0"?>'
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
SHEETS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def relation(kind, target):
    return (
        f'{START}<Relationships xmlns="{PACKAGE}/relationships">'
        f'<Relationship Id="r1" Type="{OFFICE}/{kind}" Target="{target}"/></Relationships>'
    )


def xlsx(cells, megabytes=0):
    rows = "".join(
        f'<row r="{row}"><c r="{column}{row}" t="inlineStr"><is><t>x{BLANKS if megabytes else ""}</t></is></c></row>'
        for column, row in cells
    )
    parts = {
        "[Content_Types].xml": f'{START}<Types xmlns="{PACKAGE}/content-types">'
        '<Default Extension="xml" ContentType="application/xml"/></Types>',
        "_rels/.rels": relation("officeDocument", "xl/workbook.xml"),
        "xl/workbook.xml": f'{START}<workbook xmlns="{SHEETS}" xmlns:r="{OFFICE}">'
        '<sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relation("worksheet", "worksheets/sheet1.xml"),
        "xl/worksheets/sheet1.xml": f'{START}<worksheet xmlns="{SHEETS}"><sheetData>{rows}</sheetData></worksheet>',
    }
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            before, blanks, after = content.partition(BLANKS)
            with archive.open(name, "w") as part:
                part.write(before.encode())
                for _ in range(megabytes if blanks else 0):
                    part.write(b" " * 2**20)
                part.write(after.encode())
    return made.getvalue()


def ods(cell, row):
    names = 'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    names += 'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    names += 'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
    content = (
        f"{START}<office:document-content {names}><office:body><office:spreadsheet>"
        f'<table:table table:name="S"><table:table-row table:number-rows-repeated="{row}">'
        f'<table:table-cell table:number-columns-repeated="{cell}" office:value-type="string">'
        "<text:p>x</text:p></table:table-cell></table:table-row></table:table>"
        "</office:spreadsheet></office:body></office:document-content>"
    )
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        manifest = 'xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"'
        archive.writestr("META-INF/manifest.xml", f"{START}<m:manifest {manifest}></m:manifest>")
        archive.writestr("content.xml", content)
    return made.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        xlsx([("A", 1), ("XFD", 1048576)]),
        xlsx([("A", 1), ("ZZ", 1048576)]),
        ods(9000, 9000),
        xlsx([("A", 1)], 700),
    ],
    ids=["the last cell", "a far cell", "repeated cells", "packed blanks"],
)
def test_a_workbook_that_takes_too_much_is_a_finding(tmp_path, monkeypatch, data):
    monkeypatch.setattr(probing, "MOST_MEMORY", 2**30)
    assert len(data) < 2_000_000
    path = tmp_path / "data.xlsx"
    path.write_bytes(data)
    findings: list[Finding] = []
    assert sheet_names(path, findings) == []
    assert [str(path) in str(one) and "workbook" in str(one) for one in findings] == [True]


def test_an_ordinary_workbook_is_read(tmp_path):
    path = tmp_path / "data.xlsx"
    path.write_bytes(xlsx([("A", 1), ("D", 2000)]))
    findings: list[Finding] = []
    assert sheet_names(path, findings) == ["S"]
    assert findings == []
    assert why_too_large(b"no workbook") == ""
