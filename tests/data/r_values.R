# Prints the values in r_values.txt: Rscript r_values.R > r_values.txt
# Debian: r-base-core, r-cran-survival, r-cran-coin, r-cran-cmprsk
suppressMessages({library(survival); library(coin); library(cmprsk)})
say <- function(name, x) for (v in x) cat(name, " ", sprintf("%.12g", v), "\n", sep = "")
clean <- function(x) ifelse(is.na(x), -1, x)  # -1 is NA

# six: the published cohort. freireich: Freireich 1963 (6-MP v placebo), tied. cut: left truncation and ties.
six_t <- c(91, 32, 126, 267, 170, 52); six_d <- c(1, 1, 1, 0, 0, 0); six_g <- c("NR", "NR", "CR", "CR", "CR", "NR")
mp_t <- c(6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35)
mp_d <- c(1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0)
pl_t <- c(1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23); pl_d <- rep(1, 21)
cut_s <- c(0, 0, 0, 2, 2, 3, 4, 5, 5, 6); cut_t <- c(3, 5, 5, 4, 6, 8, 6, 9, 10, 11); cut_d <- c(1, 1, 0, 1, 1, 0, 1, 1, 1, 0)

types <- c("plain", "log", "log-log", "logit", "arcsin")
curve <- function(name, formula, data, times) {
  for (type in types) {
    fit <- summary(survfit(formula, data, conf.type = type), times = times)
    for (i in seq_along(times)) {
      say(sprintf("%s %s %g low", name, type, times[i]), fit$lower[i])
      say(sprintf("%s %s %g high", name, type, times[i]), fit$upper[i])
    }
    q <- quantile(survfit(formula, data, conf.type = type), 0.5)
    say(sprintf("%s %s median", name, type), clean(c(q$quantile, q$lower, q$upper)))
  }
  fit <- summary(survfit(formula, data), times = times)
  for (i in seq_along(times)) say(sprintf("%s %g", name, times[i]), c(fit$surv[i], fit$std.err[i], fit$n.risk[i]))
}
curve("six", Surv(t, d) ~ 1, data.frame(t = six_t, d = six_d), c(32, 91, 126))
curve("nr", Surv(t, d) ~ 1, data.frame(t = six_t, d = six_d)[six_g == "NR", ], c(32))
curve("mp", Surv(t, d) ~ 1, data.frame(t = mp_t, d = mp_d), c(6, 10, 22, 23))
curve("pl", Surv(t, d) ~ 1, data.frame(t = pl_t, d = pl_d), c(1, 8, 12))
curve("cut", Surv(s, t, d) ~ 1, data.frame(s = cut_s, t = cut_t, d = cut_d), c(4, 6, 9))
say("midpoint six_efs", quantile(survfit(Surv(c(14, 22, 126, 267, 158, 24), c(1, 1, 1, 0, 1, 1)) ~ 1), .5)$quantile)
say("midpoint flat_end", quantile(survfit(Surv(1:4, c(1, 1, 0, 0)) ~ 1), .5)$quantile)
say("reverse six", clean(unlist(quantile(survfit(Surv(six_t, 1 - six_d) ~ 1, conf.type = "log"), .5))))
rmean <- function(name, t, d, tau) say(sprintf("rmst %s %g", name, tau),
  summary(survfit(Surv(t, d) ~ 1), rmean = tau)$table[c("rmean", "se(rmean)")])
rmean("six", six_t, six_d, 90); rmean("six", six_t, six_d, 180); rmean("nr", six_t[six_g == "NR"], six_d[six_g == "NR"], 180)
rmean("mp", mp_t, mp_d, 30); rmean("pl", pl_t, pl_d, 30)

two_t <- c(mp_t, pl_t); two_d <- c(mp_d, pl_d); two_g <- rep(c("mp", "pl"), c(21, 21))
for (rho in 0:1) {
  say(sprintf("survdiff six %d", rho), survdiff(Surv(six_t, six_d) ~ six_g, rho = rho)$chisq)
  say(sprintf("survdiff two %d", rho), survdiff(Surv(two_t, two_d) ~ two_g, rho = rho)$chisq)
  three <- rep(c("a", "b", "c"), 14)
  say(sprintf("survdiff three %d", rho), survdiff(Surv(two_t, two_d) ~ three, rho = rho)$chisq)
}
say("coin log-rank exact six", pvalue(logrank_test(Surv(six_t, six_d) ~ factor(six_g), distribution = "exact")))
ten <- data.frame(t = two_t[c(1:5, 22:26)], d = two_d[c(1:5, 22:26)], g = factor(rep(c("mp", "pl"), each = 5)))
say("coin log-rank exact ten", pvalue(logrank_test(Surv(t, d) ~ g, ten, distribution = "exact", ties.method = "Hothorn-Lausen")))

rank <- function(name, x, y) {
  data <- data.frame(v = c(x, y), g = factor(rep(c("x", "y"), c(length(x), length(y)))))
  w <- wilcox_test(v ~ g, data); e <- wilcox_test(v ~ g, data, distribution = "exact")
  say(paste("rank", name), c(pvalue(e)))
}
rank("six", c(0.08, 8.37, 5.79), c(22.64, 78.30, 66.37))
rank("ties", c(1, 2, 2, 3, 5), c(2, 3, 4, 4, 6, 7))
say("mann-whitney asymptotic ties",
  suppressWarnings(wilcox.test(c(1, 2, 2, 3, 5), c(2, 3, 4, 4, 6, 7), exact = FALSE, correct = FALSE)$p.value))
say("clopper-pearson 3 6", binom.test(3, 6)$conf.int); say("clopper-pearson 0 6", binom.test(0, 6)$conf.int)
say("wilson 3 6", suppressWarnings(prop.test(3, 6, correct = FALSE)$conf.int))
say("wilson 0 6", suppressWarnings(prop.test(0, 6, correct = FALSE)$conf.int))

cr_t <- c(1, 2, 2, 3, 3, 3, 4, 5, 5, 6, 7, 8, 8, 9, 10); cr_k <- c(1, 2, 1, 0, 1, 2, 0, 1, 2, 2, 0, 1, 1, 2, 0)
fit <- summary(survfit(Surv(cr_t, factor(cr_k)) ~ 1), times = c(2, 3, 5, 7, 9))
inc <- timepoints(cuminc(cr_t, cr_k), c(2, 3, 5, 7, 9))$est
for (k in 1:2) {
  say(sprintf("survfit incidence %d", k), fit$pstate[, k + 1])
  say(sprintf("survfit incidence error %d", k), fit$std.err[, k + 1])
  say(sprintf("cmprsk incidence %d", k), inc[k, ])
}

# a state entered during follow-up, without ties: the score test of coxph is the Mantel-Byar test
mb_t <- c(5, 8, 12, 15, 19, 22, 27, 31, 36, 40); mb_d <- c(1, 1, 0, 1, 1, 0, 1, 1, 0, 1)
mb_w <- c(NA, 3, NA, 6, 10, 7, NA, 20, 14, 25)
long <- do.call(rbind, lapply(seq_along(mb_t), function(i) if (is.na(mb_w[i]))
  data.frame(s = 0, t = mb_t[i], d = mb_d[i], x = 0) else
  data.frame(s = c(0, mb_w[i]), t = c(mb_w[i], mb_t[i]), d = c(0, mb_d[i]), x = 0:1)))
say("mantel-byar", summary(coxph(Surv(s, t, d) ~ x, long))$sctest["test"])
for (x in 0:1) say(sprintf("simon-makuch %d", x), summary(survfit(Surv(s, t, d) ~ 1, long[long$x == x, ]), times = c(15, 31))$surv)

# times that are one (timefix), the edges of the intervals, a median that is not reached, other quantiles
dec_t <- c(.1 + .2, .3, .3, .7, .1 * 7, 1, 1.1, 1.1, 2, 2); dec_d <- c(1, 1, 0, 1, 1, 0, 1, 1, 1, 0)
say("timefix survdiff", survdiff(Surv(dec_t, dec_d) ~ rep(c("a", "b"), 5))$chisq)
for (type in types) {
  fit <- summary(survfit(Surv(1:4, c(0, 1, 1, 1)) ~ 1, conf.type = type), times = c(0, 1, 2, 4))
  for (i in 1:4) say(sprintf("edge %s %g", type, c(0, 1, 2, 4)[i]), clean(c(fit$lower[i], fit$upper[i])))
  say(paste("unreached", type), clean(unlist(quantile(survfit(Surv(c(126, 267, 170), c(1, 0, 0)) ~ 1, conf.type = type), 0.5))))
}
for (p in c(0.25, 0.75)) say(paste("quantile mp", p), clean(unlist(quantile(survfit(Surv(mp_t, mp_d) ~ 1), p))))
# Stanford: one patient enters the state and dies on the same day, half a day apart in R's data
fit <- summary(coxph(Surv(start, stop, event) ~ transplant, heart))$sctest
say("stanford score", fit[c("test", "pvalue")])
for (x in 0:1) for (day in c(30, 90, 365)) {
  fit <- summary(survfit(Surv(start, stop, event) ~ 1, subset(heart, transplant == x)), times = day)
  say(sprintf("stanford simon-makuch %d %d", x, day), c(fit$surv, fit$std.err))
}
say("trend", coxph(Surv(1:12, c(1, 1, 0, 1, 1, 1, 0, 1, 1, 0, 1, 1)) ~ rep(0:2, 4))$score)
three <- rep(c("a", "b", "c"), 5)
for (k in 1:2) {
  say(paste("gray 3", k), cuminc(cr_t, cr_k, three)$Tests[k, ])
  say(paste("gray 2", k), cuminc(cr_t, cr_k, ifelse(three == "a", "a", "b"))$Tests[k, ])
}
# lung: adjusted, and stratified with sandwich errors
fit <- coxph(Surv(time, status) ~ age + sex, lung, control = coxph.control(eps = 1e-13, toler.chol = 1e-14))
for (x in c("age", "sex")) say(paste("lung cox", x), c(summary(fit)$conf.int[x, c(1, 3, 4)], summary(fit)$coefficients[x, 5]))
say("lung cox zph", cox.zph(fit)$table["GLOBAL", c("chisq", "p")])
fit <- coxph(Surv(time, status) ~ age + strata(sex), lung, robust = TRUE, control = coxph.control(eps = 1e-13, toler.chol = 1e-14))
say("lung cox strata robust", summary(fit)$conf.int[1, c(1, 3, 4)])
# lung: the ratio of the sexes within subgroups, and tests of interaction
lung$limited <- pmin(lung$ph.ecog, 2); lung$old <- lung$age >= 65
exact <- coxph.control(eps = 1e-13, toler.chol = 1e-14)
for (by in c("limited", "old")) {
  for (label in sort(unique(lung[[by]]))) {
    part <- lung[which(lung[[by]] == label), ]
    fit <- coxph(Surv(time, status) ~ sex, part, control = exact)
    say(sprintf("lung sex in %s %d", by, label), c(summary(fit)$conf.int[1, c(1, 3, 4)], fit$n, fit$nevent))
  }
  part <- lung[!is.na(lung[[by]]), ]; part$by <- factor(part[[by]])
  full <- anova(coxph(Surv(time, status) ~ sex + by, part, control = exact), coxph(Surv(time, status) ~ sex * by, part, control = exact))
  say(paste("lung interaction", by), c(full$Chisq[2], full$Df[2], pchisq(full$Chisq[2], full$Df[2], lower.tail = FALSE)))
}
for (ties in c("efron", "breslow")) say(paste("lung sex", ties),
  summary(coxph(Surv(time, status) ~ sex, lung, ties = ties, control = exact))$conf.int[1, c(1, 3, 4)])
test <- survdiff(Surv(time, status) ~ sex, lung)
say("lung sex peto", exp((test$obs - test$exp)[2] / test$var[2, 2] + c(0, -1, 1) * qnorm(0.975) / sqrt(test$var[2, 2])))
say("lung sex logrank", exp(log(test$obs[2] / test$exp[2] / (test$obs[1] / test$exp[1])) + c(0, -1, 1) * qnorm(0.975) * sqrt(sum(1 / test$exp))))
