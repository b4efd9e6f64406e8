# Writes the data sets of R's survival package and what R says of them: Rscript r_data_sets.R FOLDER
# FOLDER gets a CSV of each data set and values.txt; r_data_sets.txt is a copy of the latter.
# Debian: r-base-core, r-cran-survival, r-cran-coin, r-cran-cmprsk
suppressMessages({library(survival); library(coin); library(cmprsk)})
folder <- commandArgs(trailingOnly = TRUE)[1]
out <- file(file.path(folder, "values.txt"), "w")
say <- function(name, x) cat(name, ": ", paste(sprintf("%.15g", ifelse(is.na(x), -1, x)), collapse = " "), "\n", sep = "", file = out)

# start, time, event, group, cause (1 the event, 2 a competing one), value (something to rank)
frame <- function(time, event, group, start = 0, cause = event, value = time, stratum = 1)
  data.frame(start = start, time = time, event = event, group = as.character(group), cause = cause, value = value,
             stratum = as.character(stratum))
mgus2$etime <- with(mgus2, ifelse(pstat == 1, ptime, futime))
mgus2$cause <- with(mgus2, ifelse(pstat == 1, 1, 2 * death))
deaths <- colon[colon$etype == 2, ]
draw <- function(n, of) { got <- numeric(n); for (j in 1:n) { seed <<- (seed * 16807) %% 2147483647; got[j] <- seed %% of }; got }
seed <- 2023
sets <- list(
  lung = with(lung, frame(time, status - 1, sex, value = age, stratum = ifelse(is.na(ph.ecog), 9, ph.ecog))),
  veteran = with(veteran, frame(time, status, trt, value = karno, stratum = celltype)),
  pbc = with(pbc, frame(time, (status == 2) + 0, sex, cause = c(0, 2, 1)[status + 1], value = bili, stratum = stage == 4)),
  colon = with(deaths, frame(time, status, rx, value = age, stratum = differ)),
  ovarian = with(ovarian, frame(futime, fustat, rx, value = age, stratum = resid.ds)),
  heart = with(heart, frame(stop, event, transplant, start = start, value = age, stratum = surgery)),
  mgus2 = with(mgus2, frame(etime, (cause == 1) + 0, sex, cause = cause, value = age, stratum = age > 72)),
  # decimal times that are one but not the same floats
  ties = frame(draw(120, 23) / 10 + draw(120, 3) / 10 + 0.1, 0, c("a", "b", "c")[draw(120, 3) + 1],
               cause = draw(120, 3), value = draw(120, 11), stratum = draw(120, 2))
)
sets$ties$event <- (sets$ties$cause == 1) + 0
sets$pbc$stratum[is.na(sets$pbc$stratum)] <- "none"; sets$colon$stratum[is.na(sets$colon$stratum)] <- "none"

types <- c("plain", "log", "log-log", "logit", "arcsin")
surv <- function(d) if (any(d$start > 0)) Surv(d$start, d$time, d$event) else Surv(d$time, d$event)
for (name in names(sets)) {
  d <- sets[[name]]
  write.csv(format(d, digits = 17, trim = TRUE), file.path(folder, paste0(name, ".csv")), row.names = FALSE, quote = FALSE)
  days <- signif(quantile(d$time, c(0.1, 0.35, 0.6, 0.85)), 3)
  if (name == "ties") days <- days + 0.05  # R asks for a day to the last bit, without timefix
  say(paste(name, "days"), days)
  for (label in c("all", sort(unique(d$group)))) {
    part <- if (label == "all") d else d[d$group == label, ]
    key <- paste(name, label)
    for (type in types) {
      fit <- survfit(surv(part) ~ 1, conf.type = type)
      at <- summary(fit, times = days, extend = TRUE)
      say(paste(key, type, "low"), at$lower); say(paste(key, type, "high"), at$upper)
      for (p in c(0.25, 0.5, 0.75)) say(paste(key, type, "quantile", p), unlist(quantile(fit, p)))
    }
    say(paste(key, "survival"), at$surv); say(paste(key, "error"), at$std.err)
    say(paste(key, "at risk"), at$n.risk)
    say(paste(key, "rmst"), summary(fit, rmean = days[[3]])$table[c("rmean", "se(rmean)")])
    if (any(d$cause == 2)) {
      fit <- survfit(Surv(part$time, factor(part$cause, 0:2)) ~ 1, conf.type = "log-log")
      at <- summary(fit, times = days, extend = TRUE)
      gray <- timepoints(cuminc(round(part$time, 6), part$cause), days)$est
      for (k in 1:2) {
        say(paste(key, "incidence", k), at$pstate[, k + 1]); say(paste(key, "incidence error", k), at$std.err[, k + 1])
        say(paste(key, "incidence low", k), at$lower[, k + 1]); say(paste(key, "incidence high", k), at$upper[, k + 1])
        say(paste(key, "cmprsk", k), gray[k, ])
      }
    }
  }
  if (any(d$start > 0)) {
    for (ties in c("efron", "breslow")) say(paste(name, "score", ties), summary(coxph(surv(d) ~ group, d, ties = ties))$sctest["test"])
  } else {
    for (rho in 0:1) {
      test <- survdiff(surv(d) ~ group, d, rho = rho)
      say(paste(name, "survdiff", rho), c(test$chisq, test$obs, test$exp))
    }
    say(paste(name, "stratified"), survdiff(surv(d) ~ group + strata(stratum), d)$chisq)
    if (any(d$cause == 2)) for (k in 1:2) say(paste(name, "gray", k), cuminc(round(d$time, 6), d$cause, d$group)$Tests[k, ])
  }
  d$second <- (d$group == sort(unique(d$group))[2]) + 0; d$row <- seq_len(nrow(d))
  exact <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 50, toler.inf = 1e-6)
  fit <- coxph(surv(d) ~ value + second, d, control = exact)
  say(paste(name, "cox"), c(coef(fit), sqrt(diag(vcov(fit)))))
  say(paste(name, "cox tests"), c(fit$loglik[2], 2 * diff(fit$loglik), cox.zph(fit)$table[, "chisq"]))
  say(paste(name, "cox robust"), sqrt(diag(vcov(coxph(surv(d) ~ value + second, d, control = exact, cluster = row)))))
  say(paste(name, "cox clusters"), sqrt(diag(vcov(coxph(surv(d) ~ value + second, d, control = exact, cluster = row %/% 3)))))
  fit <- coxph(surv(d) ~ value + second + strata(stratum), d, control = exact)
  say(paste(name, "cox strata"), c(coef(fit), sqrt(diag(vcov(fit))), cox.zph(fit)$table[, "chisq"]))
  for (ties in c("efron", "breslow")) if (!any(d$start > 0)) {
    fit <- coxph(surv(d) ~ second, d, ties = ties, control = exact)
    say(paste(name, "two groups", ties), c(coef(fit), sqrt(vcov(fit))))
  }
  if (!any(d$start > 0)) {
    test <- survdiff(surv(d) ~ second, d)
    say(paste(name, "two groups peto"), c((test$obs - test$exp)[2] / test$var[2, 2], 1 / sqrt(test$var[2, 2])))
    say(paste(name, "two groups logrank"), c(log(test$obs[2] / test$exp[2]) - log(test$obs[1] / test$exp[1]), sqrt(sum(1 / test$exp))))
    full <- try(suppressWarnings(anova(coxph(surv(d) ~ second + factor(stratum), d, control = exact), coxph(surv(d) ~ second * factor(stratum), d, control = exact))), silent = TRUE)
    seen <- table(d$stratum, d$second, d$event)[, , 2]
    if (all(seen > 0)) say(paste(name, "interaction"), c(full$Chisq[2], full$Df[2], pchisq(full$Chisq[2], full$Df[2], lower.tail = FALSE)))
  }
  fit <- coxph(surv(d) ~ value + second, d, control = exact)
  some <- c(1, 5, 10)
  say(paste(name, "martingale"), c(residuals(fit, "martingale")[some], sum(residuals(fit, "martingale")^2)))
  say(paste(name, "schoenfeld"), c(t(residuals(fit, "schoenfeld")[some, ]), colSums(residuals(fit, "schoenfeld")^2)))
  say(paste(name, "dfbeta"), c(t(residuals(fit, "dfbeta")[some, ]), colSums(residuals(fit, "dfbeta")^2)))
  pair <- droplevels(subset(d, group %in% sort(unique(d$group))[1:2]))
  pair$group <- factor(pair$group)
  say(paste(name, "rank"), c(statistic(wilcox_test(value ~ group, pair)), pvalue(wilcox_test(value ~ group, pair))))
  if (nrow(pair) <= 100) say(paste(name, "rank exact"), pvalue(wilcox_test(value ~ group, pair, distribution = "exact")))
}
say("ovarian log-rank exact", pvalue(logrank_test(Surv(time, event) ~ factor(group), sets$ovarian, distribution = "exact", ties.method = "Hothorn-Lausen")))
close(out)
