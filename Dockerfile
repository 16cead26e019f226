# docker build -t banter . && docker run -p 12345:12345 -p 12346:12346 -v banter:/data banter
# Accounts and backups: docker exec -it CONTAINER bun users.ts add alice · docker exec CONTAINER bun backup.ts
FROM oven/bun:1.4.5
WORKDIR /app
COPY package.json bunfig.toml *.ts ./
COPY server ./server
COPY client ./client
COPY shared ./shared
COPY web ./web
RUN mkdir /data && chown bun:bun /data
USER bun
ENV BANTER_HOST=0.0.0.0 BANTER_DATA=/data
VOLUME /data
EXPOSE 12345 12346
HEALTHCHECK --start-period=10s CMD ["bun", "-e", "process.exit((await fetch('http://localhost:12346/healthz')).ok ? 0 : 1)"]
# Bun itself is the first process, so that SIGTERM reaches it: it hands over what waits for at most 10 s.
ENTRYPOINT ["bun", "server.ts"]
