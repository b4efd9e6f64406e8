# In place of postgres:17-alpine: Debian's PostgreSQL 17, with what compose.yaml uses of the official image.
FROM fhir-blina-debian:stand-in
ENV PATH=/usr/lib/postgresql/17/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PGDATA=/var/lib/postgresql/data
RUN install -d -o postgres -g postgres -m 0700 /var/lib/postgresql /var/lib/postgresql/data && install -d -o postgres -g postgres -m 3777 /run/postgresql
COPY --chmod=0755 postgres-entrypoint /usr/local/bin/
VOLUME /var/lib/postgresql/data
STOPSIGNAL SIGINT
ENTRYPOINT ["postgres-entrypoint"]
CMD ["postgres", "-c", "listen_addresses=*"]
