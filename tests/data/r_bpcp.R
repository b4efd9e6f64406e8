# Prints the values in r_bpcp.txt: Rscript r_bpcp.R > r_bpcp.txt
# bpcp 1.4.2 of CRAN (Fay and Mateja) is in no Debian package: installed, or BPCP names its file R/kmciFunctions.R.
suppressMessages(library(survival))
if (nzchar(Sys.getenv("BPCP"))) source(Sys.getenv("BPCP")) else suppressMessages(library(bpcp))
say <- function(name, x) cat(name, ": ", paste(sprintf("%.15g", ifelse(is.na(x) | is.infinite(x), -1, x)), collapse = " "), "\n", sep = "")
draw <- function(n, of) { got <- numeric(n); for (j in 1:n) { seed <<- (seed * 16807) %% 2147483647; got[j] <- seed %% of }; got }
seed <- 2023
mp_t <- c(6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35)
mp_d <- c(1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0)
pl_t <- c(1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23)
tie_t <- round(draw(120, 23) / 10 + draw(120, 3) / 10 + 0.1, 6); invisible(draw(120, 3)); tie_d <- (draw(120, 3) == 1) + 0
deaths <- colon[colon$etype == 2, ]
sets <- list(
  six = list(c(91, 32, 126, 267, 170, 52), c(1, 1, 1, 0, 0, 0)),
  mp = list(mp_t, mp_d), pl = list(pl_t, rep(1, 21)),
  none = list(1:5, rep(0, 5)), first_censored = list(c(1, 1, 2, 3), c(0, 1, 1, 1)),
  lung = with(lung, list(time, status - 1)), veteran = with(veteran, list(time, status)),
  pbc = with(pbc, list(time, (status == 2) + 0)), colon = with(deaths, list(time, status)),
  ovarian = with(ovarian, list(futime, fustat)),
  mgus2 = with(mgus2, list(ifelse(pstat == 1, ptime, futime), pstat)),
  ties = list(tie_t, tie_d)
)
for (name in names(sets)) {
  t <- sets[[name]][[1]]; d <- sets[[name]][[2]]
  fit <- bpcp(t, d)
  days <- signif(quantile(t, c(0, 0.1, 0.35, 0.6, 0.85, 1), type = 1), 6)
  days <- c(0, days, (days[-1] + days[-length(days)]) / 2)
  at <- StCI(fit, days)
  say(paste(name, "days"), days); say(paste(name, "low"), at$lower); say(paste(name, "high"), at$upper)
  say(paste(name, "quantiles"), t(quantile(fit, c(0.25, 0.5, 0.75))[, 3:4]))
}
