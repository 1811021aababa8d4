"""The CRM of the portal: records in two dialects, stages, pipelines, custom fields, activities, comments."""
