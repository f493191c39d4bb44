# One image for gateway, worker, sandbox and registry; the command chooses.
FROM python:3.11-slim
RUN useradd --create-home --uid 10001 sandhi && mkdir /data && chown sandhi /data
WORKDIR /app
COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock
COPY . .
RUN pip install --no-cache-dir --no-deps --no-build-isolation ./sdk -e .
USER sandhi
ENV SANDHI_DATA_DIR=/data PYTHONUNBUFFERED=1
VOLUME /data
EXPOSE 8080
HEALTHCHECK CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/readyz', timeout=3)"]
CMD ["sandhi", "serve", "--host", "0.0.0.0"]
