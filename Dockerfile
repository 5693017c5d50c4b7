# One image for server, worker and emulator; the command decides: python -m server | workers | emulator.
# Health checks stand in docker-compose.yml: the three processes differ in what healthy means.

FROM python:3.11.14-slim-bookworm AS build
WORKDIR /src
COPY requirements.lock deploy/build.lock ./
# Two environments: the one that ships holds no pip and no build tool.
RUN python3 -m venv --without-pip /opt/segue && python3 -m venv /opt/build
RUN /opt/build/bin/pip --python /opt/segue/bin/python install --no-cache-dir --require-hashes --only-binary :all: -r requirements.lock
RUN /opt/build/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r build.lock
COPY pyproject.toml README.md ./
COPY clients/python clients/python
COPY core core
COPY server server
COPY workers workers
COPY emulator emulator
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /dist ./clients/python .
RUN /opt/build/bin/pip --python /opt/segue/bin/python install --no-cache-dir --no-deps --no-index /dist/*.whl
COPY deploy/healthcheck.py /opt/segue/bin/healthcheck.py

FROM python:3.11.14-slim-bookworm
# ffmpeg comes with the imageio-ffmpeg wheel: the build that the tests run, and a third of the size of Debian's with
# its libraries. Fonts: Latin, Greek, Cyrillic, Arabic, Hebrew, Indic, Thai ...; for Chinese, Japanese and Korean
# (90 MB) build with --build-arg FONTS=fonts-noto-cjk.
ARG FONTS=""
RUN apt-get update \
 && apt-get install --yes --no-install-recommends fontconfig-config fonts-dejavu-core fonts-noto-core ${FONTS} \
 && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin segue
COPY --from=build /opt/segue /opt/segue
ENV PATH=/opt/segue/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /home/segue
USER 10001:10001
EXPOSE 50051
CMD ["python", "-m", "server"]
