// Panels in the form that Grafana reads. Internal to kernel/monitoring.
#pragma once

#include "kernel/monitoring/dashboards.hpp"

namespace blockd {

// All rows with their panels, numbered from 1, placed from left to right.
json::array laid_out(const std::vector<DashboardRow>& rows, const MonitoringModel& model);

// What every panel and variable names as its data source.
json::object data_source();

}  // namespace blockd
