# Narrows on a CPU, as a user without rights:
#   docker build -t narrows .
#   docker run --rm -v "$PWD:/work" --user "$(id -u):$(id -g)" narrows train holiday/ --size 64
FROM python:3.11.7-slim AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE CHANGELOG.md ./
COPY docs/narrows.1 docs/narrows.1
COPY src src
RUN python -m venv /opt/narrows \
    && pip install --no-cache-dir 'uv>=0.13,<1' \
    && uv pip install --no-cache --python /opt/narrows/bin/python --torch-backend=cpu \
        --constraint constraints.txt '.[all]'

FROM python:3.11.7-slim
RUN useradd --create-home --uid 10001 narrows && mkdir /work && chown narrows /work
COPY --from=build /opt/narrows /opt/narrows
ENV PATH=/opt/narrows/bin:$PATH \
    NARROWS_CACHE=/tmp/narrows \
    MPLCONFIGDIR=/tmp/matplotlib \
    PYTHONUNBUFFERED=1
USER narrows
WORKDIR /work
ENTRYPOINT ["narrows"]
CMD ["--help"]
