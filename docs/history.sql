-- What was where in March: each image, and when its manager first and last listed it in that month.
-- [START march]
SELECT connection, file_name, version, MIN(taken_at) AS first_seen, MAX(taken_at) AS last_seen
FROM vmanage_images
WHERE taken_at >= '2026-03-01' AND taken_at < '2026-04-01'
GROUP BY connection, file_name, version
ORDER BY connection, file_name, version
-- [END march]
;

-- Which managers lack an image, by the last snapshot of each.
-- [START lack]
SELECT latest.connection, latest.taken_at
FROM (SELECT connection, MAX(taken_at) AS taken_at FROM vmanage_snapshots GROUP BY connection) AS latest
LEFT JOIN vmanage_images AS image
    ON image.connection = latest.connection AND image.taken_at = latest.taken_at
    AND image.file_name = 'vmanage-20.12.4-x86_64.tar.gz'
WHERE image.connection IS NULL
ORDER BY latest.connection
-- [END lack]
;

-- Which devices of a family run something older than a version, by the last snapshot of each manager.
-- [START older]
SELECT device.connection, device.device, device.site_id, device.running, device.reachable
FROM (SELECT connection, MAX(taken_at) AS taken_at FROM vmanage_snapshots GROUP BY connection) AS latest
JOIN vmanage_devices AS device
    ON device.connection = latest.connection AND device.taken_at = latest.taken_at
WHERE device.platform_family = 'c8000v'
    AND (device.running_order < '0017.0012.0004' OR device.running_order IS NULL)
ORDER BY device.running_order, device.connection, device.device
-- [END older]
;
