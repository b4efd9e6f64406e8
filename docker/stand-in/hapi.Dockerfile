# In place of hapiproject/hapi: the server of docker/hapi-local on Debian's Java 21, laid out and run as the
# official image does it: /app, a health check beside the server, user 65532.
FROM fhir-blina-debian:stand-in
WORKDIR /app
COPY lib /app/lib
COPY main.jar HealthCheck.class /app/
USER 65532:65532
ENTRYPOINT ["java", "-jar", "/app/main.jar"]
