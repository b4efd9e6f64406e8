# Survival from what the scripts know of the patients they made up, by R's survival package:
# Rscript docs/example/check.R SYNTHEA_FOLDER REGISTRY_FOLDER
suppressMessages(library(survival))
say <- function(...) { x <- list(...); v <- x[[length(x)]]; x[[length(x)]] <- NULL
  for (one in v) cat(do.call(paste, c(x, sep = " ")), " ", sprintf("%.12g", one), "\n", sep = "") }
curves <- function(name, t, d, g, days) {
  for (group in c("all", sort(unique(as.character(g))))) {
    here <- if (group == "all") rep(TRUE, length(t)) else g == group
    say(name, group, "n", c(sum(here), sum(d[here])))
    fit <- survfit(Surv(t[here], d[here]) ~ 1, conf.type = "log-log")
    for (i in days) { at <- summary(fit, times = i); say(name, group, i, c(at$surv, at$lower, at$upper)) }
    q <- quantile(fit, 0.5); say(name, group, "median", ifelse(is.na(q$quantile), -1, q$quantile))
  }
}
test <- function(name, t, d, g) say(name, "log-rank", survdiff(Surv(t, d) ~ g)[c("chisq", "pvalue")])
where <- commandArgs(trailingOnly = TRUE)
a <- read.csv(file.path(where[1], "truth.csv"))
curves("synthea", a$days, a$died, a$sex, c(365, 730)); test("synthea", a$days, a$died, a$sex)
b <- read.csv(file.path(where[2], "truth.csv"))
curves("registry-stage", b$days, b$died, b$stage, c(365, 1095)); test("registry-stage", b$days, b$died, b$stage)
curves("registry-entity", b$days, b$died, b$entity, c(365, 1095)); test("registry-entity", b$days, b$died, b$entity)
p <- b$progressed_or_died
curves("registry-pfs", b$progression_days, p, b$stage, c(365)); test("registry-pfs", b$progression_days, p, b$stage)
