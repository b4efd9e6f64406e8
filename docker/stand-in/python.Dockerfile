# In place of python:3.13-slim: Debian's own Python 3.13.
FROM fhir-blina-debian:stand-in
CMD ["python"]
