# The wheels of constraints.txt, each checked against its hash, are all that the image is made of.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY constraints.txt ./
RUN pip download --quiet --require-hashes --no-deps --only-binary :all: --dest /wheels --requirement constraints.txt \
 && python -m venv --without-pip /opt/watchdog
COPY pyproject.toml README.md LICENSE ./
COPY config config
COPY watchdog watchdog
# Without the extras, so without rich: structlog would import it.
RUN pip --python /opt/watchdog/bin/python install --quiet --no-index --find-links /wheels .

FROM python:${PYTHON}-slim
LABEL org.opencontainers.image.title="agenttrader-watchdog" org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/watchdog /opt/watchdog
# Nothing is written at run time: the root file system may be read-only.
ENV PATH=/opt/watchdog/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["watchdog"]
CMD ["run", "--config", "/etc/watchdog/watchdog.yaml"]
