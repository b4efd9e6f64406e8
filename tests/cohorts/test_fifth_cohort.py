"""A cohort that nobody prepared, R's veteran, by the five steps of the page: its numbers are those that R prints."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from fhir_blina.cli.parser import main

R_EXPORTS = """
library(survival)
write.csv(veteran, "veteran.csv", row.names = FALSE)
f <- survfit(Surv(time, status) ~ celltype, veteran)
m <- summary(f)$table[, c("median", "0.95LCL", "0.95UCL")]
chi <- survdiff(Surv(time, status) ~ celltype, veteran)$chisq
h <- summary(coxph(Surv(time, status) ~ trt + karno, veteran))$conf.int
s <- summary(survfit(Surv(time, status) ~ trt, veteran), times = 100)$surv
say <- function(claim, value, unit, record, group, day, method)
  cat(claim, claim, "result", value, unit, "R", "", "main", record, group, day, method, "value", "", "\\n", sep = ",")
for (cell in c("squamous", "large")) {
  row <- m[paste0("celltype=", cell), ]
  say(paste0("median_", cell), sprintf("%.0f (%.0f-%.0f)", row[1], row[2], row[3]), "d",
      "overall_survival.median_midpoint", cell, "", "log")
}
say("log_rank", sprintf("%.1f", chi), "1", "overall_survival.log_rank", "squamous v smallcell v adeno v large", "", "")
say("arm", sprintf("%.3f (%.3f-%.3f)", h[1, 1], h[1, 3], h[1, 4]), "1",
    "overall_survival.cox_main_hazard_ratio", "test v standard", "", "")
say("karno", sprintf("%.4f", h[2, 1]), "1", "overall_survival.cox_main_hazard_ratio", "karno", "", "")
say("standard_100", sprintf("%.4f", s[1]), "1", "overall_survival.survival", "standard", "100", "log")
say("age", sprintf("%.0f", median(veteran$age)), "1", "age.median", "all", "", "")
"""
CELLS = '{"squamous": "squamous", "smallcell": "smallcell", "adeno": "adeno", "large": "large"}'


@pytest.mark.r
@pytest.mark.long
def test_the_five_steps_lead_to_the_numbers_of_r(tmp_path, monkeypatch, capsys):
    if shutil.which("Rscript") is None:
        pytest.skip("no R")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.R").write_text(R_EXPORTS)
    printed = subprocess.run(["Rscript", "a.R"], capture_output=True, text=True, check=True).stdout
    assert main(["new", "veteran", "veteran.csv", "--time", "time", "--event", "status=1"]) == 0
    endpoints = tmp_path / "veteran" / "endpoints.yaml"
    text = endpoints.read_text()
    text = re.sub(r"(celltype: \{measure: celltype, labels: )\{[^}]*\}", rf"\g<1>{CELLS}", text)
    text = re.sub(r"(trt: \{measure: trt, labels: )\{[^}]*\}", r'\g<1>{"1": standard, "2": test}', text)
    text = text.replace(
        "    survival_at_days: [365, last]",
        "    survival_at_days: [100, 365]\n    compare: [celltype, trt]\n    cox: {main: {covariates: [trt, karno]}}",
    )
    endpoints.write_text(text)
    with (tmp_path / "veteran" / "claims.csv").open("a") as file:
        file.write(printed)
    assert main(["check", "veteran"]) == 0
    assert main(["run", "veteran", "--quiet"]) == 0
    said = capsys.readouterr().out
    assert "14 of 14 published results that can be recomputed agree" in said
    assert "0 left out with a reason, 0 lost" in said
